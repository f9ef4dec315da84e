"""`seglake keys`: the stored root key, for whoever may read the data directory, and a new master key for the store."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from . import access_keys
from .output import EXIT_UNUSABLE, DataDir, Json, offline_settings, print_json, print_table, quiet_log, told


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    keys = typer.Typer(help="Access keys.", no_args_is_help=True, rich_markup_mode=None)
    keys.command()(root)
    keys.command("rotate-master")(rotate_master)
    access_keys.register(keys)
    app.add_typer(keys, name="keys")


def root(
    *,
    data_dir: DataDir = None,
    env: Annotated[bool, typer.Option("--env", help="Write shell lines that export it for aws and boto3.")] = False,
    as_json: Json = False,
) -> None:
    """Show the root key that the first start generated. Only reads, so the server may run.

    Example: eval "$(seglake keys root --env --data-dir ./data)"
    """
    from seglake.entrypoints.offline import stored_root

    with told(as_json=as_json):
        settings = offline_settings(data_dir)
        pair = stored_root(settings)
    if pair is None:
        typer.echo("seglake: there is no stored root key: this store was only started with --access-key", err=True)
        raise typer.Exit(EXIT_UNUSABLE)
    if as_json:
        print_json({"access_key": pair.access_key, "secret_key": pair.secret})
    elif env:
        typer.echo(f"export AWS_ACCESS_KEY_ID={shlex.quote(pair.access_key)}")
        typer.echo(f"export AWS_SECRET_ACCESS_KEY={shlex.quote(pair.secret)}")
        typer.echo(f"export AWS_DEFAULT_REGION={settings.region}")
    else:
        print_table([("access key", pair.access_key), ("secret key", pair.secret)])


def rotate_master(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Replace the master key: all access keys and ring keys are sealed anew, no data is. The server must be stopped.

    After an interruption the store opens as before; run the command again to finish. Backups of the store made before
    need the old key: keep it as long as them.

    Example: seglake keys rotate-master --data-dir ./data
    """
    from seglake.entrypoints.rotation import rotate_master as rotate

    with told(as_json=as_json):
        settings = offline_settings(data_dir)
        resealed = rotate(settings, quiet_log())
    if as_json:
        print_json({"access_keys": resealed.credentials, "ring_keys": resealed.ring_keys})
    else:
        print(
            f"{resealed.credentials:,} access keys and {resealed.ring_keys:,} ring keys sealed under a new master key"
        )

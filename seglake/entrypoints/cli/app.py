"""Every command is registered here, in the order in which `seglake --help` shows them.

Exit codes of all commands: 0 fine, 1 there are findings, 2 wrong usage or a store that cannot be used.
"""

from __future__ import annotations

from typing import Annotated

import typer

import seglake

from . import (
    buckets,
    checks,
    database,
    garbage,
    health,
    inspect,
    keys,
    lifecycle,
    maintenance,
    policies,
    rebuild,
    ring_keys,
    server,
    snapshots,
    status,
    support,
    users,
)

app = typer.Typer(
    name="seglake",
    help="Seglake: an S3 object store that keeps what it has acknowledged.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seglake {seglake.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


server.register(app)
health.register(app)
status.register(app)
checks.register(app)
rebuild.register(app)
inspect.register(app)
lifecycle.register(app)
snapshots.register(app)
support.register(app)
database.register(app)
garbage.register(app)
maintenance.register(app)
keys.register(app)
app.add_typer(users.group(), name="users")
app.add_typer(buckets.group(), name="buckets")
app.add_typer(policies.bucket_policy_group(), name="bucket-policy")
app.add_typer(policies.policy_group(), name="policy")
app.add_typer(ring_keys.group(), name="kms-keys")

"""`seglake kms-keys`, `segctl kms-key`: named keys for SSE-KMS, kept sealed in the store and never shown.

Works whether the server runs or not.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import asking, yes_or_no
from .output import DataDir, Json, print_columns, print_json

Name = Annotated[str, typer.Argument(help="The key's name.", metavar="NAME", show_default=False)]


def group() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(help="Keys for SSE-KMS.", no_args_is_help=True, rich_markup_mode=None)
    commands.command()(create)
    commands.command("list")(list_keys)
    commands.command()(rotate)
    commands.command()(enable)
    commands.command()(disable)
    return commands


def create(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Make a key that x-amz-server-side-encryption-aws-kms-key-id can name.

    Example: segctl kms-key create backups
    """
    _change("create", "made", name, data_dir, as_json)


def list_keys(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the keys of the key ring, those that the store made for itself included.

    Example: segctl kms-key list
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("kms-key.list", {})
    if as_json:
        print_json(result)
        return
    rows = [(key["name"], str(key["version"]), yes_or_no(key["enabled"]), key["created"]) for key in result["keys"]]
    print_columns(("NAME", "VERSION", "ENABLED", "CREATED"), rows, none="the key ring is empty")


def rotate(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Give a key a new version for what is written from now on. The older ones still open what they closed.

    Example: segctl kms-key rotate backups
    """
    _change("rotate", "rotated", name, data_dir, as_json)


def enable(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Allow a disabled key again.

    Example: segctl kms-key enable backups
    """
    _change("enable", "enabled", name, data_dir, as_json)


def disable(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Refuse every use of a key: what is encrypted with it cannot be read until it is enabled again.

    Example: segctl kms-key disable backups
    """
    _change("disable", "disabled", name, data_dir, as_json)


def _change(verb: str, done: str, name: str, data_dir: Any, as_json: bool) -> None:
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call(f"kms-key.{verb}", {"name": name})
    if as_json:
        print_json(result)
    else:
        print(f"key {result['name']} {done}: version {result['version']}")

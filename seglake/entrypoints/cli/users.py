"""`seglake users`, `segctl user`: who may have keys and buckets. Works whether the server runs or not."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import asking
from .output import DataDir, Json, print_columns, print_json

Name = Annotated[str, typer.Argument(help="The user's name.", metavar="NAME", show_default=False)]


def group() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(help="Users: they own keys and buckets.", no_args_is_help=True, rich_markup_mode=None)
    commands.command()(create)
    commands.command("list")(list_users)
    commands.command()(disable)
    commands.command()(enable)
    commands.command()(delete)
    return commands


def create(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Make a user. The name is given out once and for all.

    Example: segctl user create alice && segctl key create --user alice
    """
    _change("create", "made", name, data_dir, as_json)


def list_users(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the users; root, who is always there, is not among them.

    Example: segctl user list --json
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("user.list", {})
    if as_json:
        print_json(result)
        return
    rows = [(user["name"], user["state"], user["created"]) for user in result["users"]]
    print_columns(("NAME", "STATE", "CREATED"), rows, none="there are no users but root")


def disable(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Refuse a user and all of the user's keys, at once. Nothing is deleted.

    Example: segctl user disable alice
    """
    _change("disable", "disabled", name, data_dir, as_json)


def enable(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Let a disabled user in again.

    Example: segctl user enable alice
    """
    _change("enable", "enabled", name, data_dir, as_json)


def delete(name: Name, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Delete a user who has no keys and no buckets any more. The name stays taken.

    Example: segctl user delete alice
    """
    _change("delete", "deleted", name, data_dir, as_json)


def _change(verb: str, done: str, name: str, data_dir: Any, as_json: bool) -> None:
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call(f"user.{verb}", {"name": name})
    if as_json:
        print_json(result)
    else:
        print(f"user {name} {done}")

"""`seglake maintenance`, `segctl maintenance`: stop writing, go on reading. Works whether the server runs or not."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .asking import asking
from .output import EXIT_FINDINGS, EXIT_OK, DataDir, Json, print_json


def group() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(help="Maintenance mode: reads only.", no_args_is_help=True, rich_markup_mode=None)
    commands.command()(status)
    commands.command()(enable)
    commands.command()(disable)
    return commands


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    app.add_typer(group(), name="maintenance")


def status(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Say whether the store takes writes.

    Exit code 0 when it does, 1 in maintenance. Example: seglake maintenance status
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("maintenance.status", {})
    _show(result, as_json=as_json)
    raise typer.Exit(EXIT_OK if result["state"] == "off" else EXIT_FINDINGS)


def enable(
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever asks for the status.")] = "",
    wait: Annotated[int, typer.Option("--wait", help="Seconds to wait for writes under way (at most 50).")] = 30,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Refuse new writes (503 with Retry-After), wait for those under way, then refuse every commit. Reads go on.

    It stays so over restarts, until `disable`. Exit code 1 when writes had to be cut off.

    Example: seglake maintenance enable --reason "moving disks"
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("maintenance.enable", {"reason": reason, "wait_s": wait})
    _show(result, as_json=as_json)
    if not as_json:
        print(f"waited {result['waited_s']:.1f} s for writes under way; {result['cut_off']:,} of them were cut off")
    raise typer.Exit(EXIT_FINDINGS if result["cut_off"] else EXIT_OK)


def disable(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Take writes again.

    Example: seglake maintenance disable
    """
    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("maintenance.disable", {})
    _show(result, as_json=as_json)


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    since = f" since {result['since']}" if result["since"] else ""
    reason = f": {result['reason']}" if result["reason"] else ""
    print(f"maintenance is {result['state']}{since}{reason}")

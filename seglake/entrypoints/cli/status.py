"""`seglake status`: what the store holds."""

from __future__ import annotations

from typing import Annotated

import typer

from .jobs import check
from .output import DataDir, Json, human_size, print_json, print_table


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(status)


def status(
    *,
    data_dir: DataDir = None,
    live: Annotated[bool, typer.Option("--live", help="Also read every manifest: bytes that are in use.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the store holds: buckets, versions, segments, bytes. Works whether the server runs or not.

    Example: seglake status --data-dir ./data --live
    """
    document = check(data_dir, "status.start", {"live": live}, as_json=as_json)
    if as_json:
        print_json(document)
    else:
        print_table([(name.replace("_", " "), _shown(name, value)) for name, value in document.items()])


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not counted (--live)"
    if name.endswith("bytes") and isinstance(value, int):
        return f"{value:,} ({human_size(value)})" if value >= 1024 else f"{value:,}"
    return f"{value:,}" if isinstance(value, int) and name != "newest_ms" else str(value)

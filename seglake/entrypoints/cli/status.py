"""`seglake status`: what the store holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from .output import DataDir, Json, human_size, offline_settings, print_json, print_table, quiet_log, told


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(status)


def status(
    *,
    data_dir: DataDir = None,
    live: Annotated[bool, typer.Option("--live", help="Also read every manifest: bytes that are in use.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the store holds: buckets, versions, segments, bytes. The server must be stopped.

    Example: seglake status --data-dir ./data --live
    """
    from seglake.domain.services.status import Status
    from seglake.entrypoints.offline import open_store

    with told(as_json=as_json):
        settings = offline_settings(data_dir)
        with open_store(settings, quiet_log()) as store:
            found = Status(store.metadata, store.segment_files).run(live=live)
            free = store.files.free_bytes()
    document: dict[str, Any] = {
        "data_dir": str(settings.data_dir),
        "format": _format_version(),
        **asdict(found),
        "site": f"{found.site:08x}",
        "newest": str(found.newest),
        "newest_ms": found.newest.ms,
        "free_bytes": free,
    }
    if as_json:
        print_json(document)
    else:
        print_table([(name.replace("_", " "), _shown(name, value)) for name, value in document.items()])


def _format_version() -> int:
    from seglake.adapters.filesystem.layout import FORMAT_VERSION

    return FORMAT_VERSION


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not counted (--live)"
    if name.endswith("bytes") and isinstance(value, int):
        return f"{value:,} ({human_size(value)})" if value >= 1024 else f"{value:,}"
    return f"{value:,}" if isinstance(value, int) and name != "newest_ms" else str(value)

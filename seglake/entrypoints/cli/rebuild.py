"""`seglake rebuild-index`: a lost, stale or damaged meta.db is made anew from the segments."""

from __future__ import annotations

import typer

from .jobs import check
from .output import EXIT_FINDINGS, EXIT_OK, DataDir, Json, print_json, print_result_findings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("rebuild-index")(rebuild_index)


def rebuild_index(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Build the index anew from the segments; the old one stays as meta.db.before-rebuild. The server must be stopped.

    After Ctrl-C run it again: the old index is in place until the new one is complete.

    Exit code 1 when segments are damaged: what is intact in them was used.

    Example: seglake rebuild-index --data-dir ./data
    """
    result = check(data_dir, "index.rebuild", {}, as_json=as_json)
    if as_json:
        print_json(result)
    else:
        print_result_findings(result)
        print(f"{result['events']:,} events of {result['segments']:,} segments replayed; the new index is in place")
    raise typer.Exit(EXIT_FINDINGS if result["findings"] else EXIT_OK)

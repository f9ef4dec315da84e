"""`seglake rebuild-index`: a lost, stale or damaged meta.db is made anew from the segments."""

from __future__ import annotations

import typer

from .output import (
    EXIT_FINDINGS,
    EXIT_OK,
    DataDir,
    Json,
    findings_json,
    offline_settings,
    print_findings,
    print_json,
    quiet_log,
    shown_stages,
    told,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("rebuild-index")(rebuild_index)


def rebuild_index(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Build the index anew from the segments; the old one stays as meta.db.before-rebuild. The server must be stopped.

    Exit code 1 when segments are damaged: what is intact in them was used.

    Example: seglake rebuild-index --data-dir ./data
    """
    from seglake.entrypoints.offline import rebuild_index as rebuild

    with told(as_json=as_json), shown_stages() as stages:
        report = rebuild(offline_settings(data_dir), quiet_log(), stages)
    if as_json:
        document = {
            "segments": report.segments,
            "events": report.events,
            "duplicates": report.duplicates,
            "newest": str(report.newest) if report.newest else None,
            "findings": findings_json(report.findings),
        }
        print_json(document)
    else:
        print_findings(report.findings)
        print(f"{report.events:,} events of {report.segments:,} segments replayed; the new index is in place")
    raise typer.Exit(EXIT_FINDINGS if report.findings else EXIT_OK)

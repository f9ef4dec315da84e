"""`seglake fsck` and `seglake scrub`: is everything there, and is it what was written?"""

from __future__ import annotations

from typing import Annotated

import typer

from .output import (
    EXIT_FINDINGS,
    EXIT_OK,
    DataDir,
    Json,
    findings_json,
    human_size,
    offline_settings,
    print_findings,
    print_json,
    quiet_log,
    shown_stages,
    told,
)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(fsck)
    app.command()(scrub)


def fsck(
    *,
    data_dir: DataDir = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also read every payload, live or not.")] = False,
    as_json: Json = False,
) -> None:
    """Compare the index with the segments and check the structure of both. Changes nothing; the server must be stopped.

    Exit code 1 when there are errors. Example: seglake fsck --data-dir ./data --deep
    """
    from seglake.domain.services.fsck import Fsck
    from seglake.entrypoints.offline import open_store

    with (
        told(as_json=as_json),
        open_store(offline_settings(data_dir), quiet_log()) as store,
        shown_stages() as stages,
    ):
        report = Fsck(store.metadata, store.segment_files, stages).run(deep=deep)
    if as_json:
        document = {
            "sound": report.sound,
            "versions": report.versions,
            "parts": report.parts,
            "segments": report.segments,
            "findings": findings_json(report.findings),
        }
        print_json(document)
    else:
        print_findings(report.findings)
        verdict = "sound" if report.sound else "NOT SOUND"
        print(f"{report.versions:,} versions, {report.parts:,} parts, {report.segments:,} segments: {verdict}")
    raise typer.Exit(EXIT_OK if report.sound else EXIT_FINDINGS)


def scrub(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Read every live chunk, compare its BLAKE3, list damaged versions. Changes nothing; the server must be stopped.

    Exit code 1 when anything is damaged. Example: seglake scrub --data-dir ./data --json
    """
    from seglake.domain.services.scrub import Scrub
    from seglake.entrypoints.offline import open_store

    with (
        told(as_json=as_json),
        open_store(offline_settings(data_dir), quiet_log()) as store,
        shown_stages() as stages,
    ):
        report = Scrub(store.metadata, store.segment_files, store.context.clock, stages).run()
    if as_json:
        document = {
            "sound": not report.damaged,
            "chunks": report.chunks,
            "bytes": report.bytes,
            "damaged": report.damaged,
            "seconds": round(report.seconds, 3),
            "bytes_per_s": round(report.bytes_per_s),
            "findings": findings_json(report.findings),
        }
        print_json(document)
    else:
        print_findings(report.findings)
        rate = f"{human_size(report.bytes)} in {report.seconds:.1f} s ({human_size(report.bytes_per_s)}/s)"
        print(f"{report.chunks:,} chunks, {rate}: {report.damaged:,} damaged")
    raise typer.Exit(EXIT_FINDINGS if report.damaged else EXIT_OK)

"""`seglake fsck` and `seglake scrub`: is everything there, and is it what was written?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import (
    EXIT_FINDINGS,
    EXIT_OK,
    EXIT_UNUSABLE,
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

if TYPE_CHECKING:
    from seglake.domain.services.fsck import FsckReport
    from seglake.entrypoints.checking import RepairReport, Scrubbed

DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; only say what would be done.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(fsck)
    app.command()(scrub)


def fsck(
    *,
    data_dir: DataDir = None,
    deep: Annotated[bool, typer.Option("--deep", help="Also read every payload, live or not.")] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Repair what is provably safe to repair, then check; payload is left alone."),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare the index with the segments and check the structure of both. The server must be stopped.

    Without --repair nothing is changed. Exit code 1 when there are errors.

    Example: seglake fsck --data-dir ./data --deep
    """
    if dry_run and not repair:
        typer.echo("seglake: --dry-run goes with --repair", err=True)
        raise typer.Exit(EXIT_UNUSABLE)
    if repair:
        _repair(data_dir, deep=deep, dry_run=dry_run, as_json=as_json)
    from seglake.domain.services.fsck import Fsck
    from seglake.entrypoints.offline import open_store

    with (
        told(as_json=as_json),
        open_store(offline_settings(data_dir), quiet_log()) as store,
        shown_stages() as stages,
    ):
        report = Fsck(store.metadata, store.segment_files, stages).run(deep=deep)
    if as_json:
        print_json(_fsck_json(report))
    else:
        print_findings(report.findings)
        _tell_verdict(report)
    raise typer.Exit(EXIT_OK if report.sound else EXIT_FINDINGS)


def _fsck_json(report: FsckReport) -> dict[str, Any]:
    return {
        "sound": report.sound,
        "versions": report.versions,
        "parts": report.parts,
        "segments": report.segments,
        "findings": findings_json(report.findings),
    }


def _tell_verdict(report: FsckReport) -> None:
    verdict = "sound" if report.sound else "NOT SOUND"
    print(f"{report.versions:,} versions, {report.parts:,} parts, {report.segments:,} segments: {verdict}")


def _repair(data_dir: DataDir, *, deep: bool, dry_run: bool, as_json: bool) -> None:
    from seglake.entrypoints.checking import repair

    with told(as_json=as_json), shown_stages() as stages:
        done = repair(offline_settings(data_dir), quiet_log(), stages, deep=deep, dry_run=dry_run)
    if as_json:
        repaired = [{"where": one.where, "text": one.text} for one in done.repaired]
        print_json({"dry_run": dry_run, "repaired": repaired, **_fsck_json(done.after)})
    else:
        _tell_repair(done, dry_run=dry_run)
    raise typer.Exit(EXIT_OK if done.after.sound else EXIT_FINDINGS)


def _tell_repair(done: RepairReport, *, dry_run: bool) -> None:
    from seglake.domain.services.repair import advice

    for one in done.repaired:
        print(f"{'would repair' if dry_run else 'repaired'}: {one.where}: {one.text}")
    for found in done.after.findings:
        print(f"{found.severity}: {found.where}: {found.text}")
        print(f"    what helps: {advice(found.where)}")
    _tell_verdict(done.after)


def scrub(
    *,
    data_dir: DataDir = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also read every record that nothing needs any more.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Read every live chunk, compare its BLAKE3, and mark damaged versions, so that they are not served.

    The server must be stopped; a running one scrubs itself with --scrub-interval. A marked version answers 500 until it
    is deleted, or until `seglake fsck --repair` could read all of it again.

    Exit code 1 when anything is damaged. Example: seglake scrub --data-dir ./data --json
    """
    from seglake.entrypoints.checking import scrub as run

    with told(as_json=as_json), shown_stages() as stages:
        done = run(offline_settings(data_dir), quiet_log(), stages, dead=everything, mark=not dry_run)
    if as_json:
        print_json(_scrub_json(done))
    else:
        _tell_scrub(done)
    raise typer.Exit(EXIT_OK if done.report.sound else EXIT_FINDINGS)


def _scrub_json(done: Scrubbed) -> dict[str, Any]:
    report = done.report
    return {
        "sound": report.sound,
        "chunks": report.chunks,
        "bytes": report.bytes,
        "damaged": report.damaged,
        "marked": [one.where for one in done.marked],
        "seconds": round(report.seconds, 3),
        "bytes_per_s": round(report.bytes_per_s),
        "findings": findings_json(report.findings),
    }


def _tell_scrub(done: Scrubbed) -> None:
    report = done.report
    print_findings(report.findings)
    for one in done.marked:
        print(f"marked: {one.where}: it is not served any more")
    rate = f"{human_size(report.bytes)} in {report.seconds:.1f} s ({human_size(report.bytes_per_s)}/s)"
    print(f"{report.chunks:,} chunks, {rate}: {report.damaged:,} damaged")

"""`seglake fsck` and `seglake scrub`: is everything there, and is it what was written?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .jobs import check
from .output import (
    EXIT_FINDINGS,
    EXIT_OK,
    EXIT_UNUSABLE,
    DataDir,
    Json,
    human_size,
    print_json,
    print_result_findings,
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; only say what would be done.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(fsck)
    app.command()(scrub)


def fsck(
    *,
    data_dir: DataDir = None,
    deep: Annotated[bool, typer.Option("--deep", "--all", help="Also read every payload, live or not.")] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Repair what is provably safe to repair, then check; payload is left alone."),
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare the index with the segments and check the structure of both. Works whether the server runs or not.

    Without --repair nothing is changed; with it the server must be stopped. Exit code 1 when there are errors.

    Example: seglake fsck --data-dir ./data --deep
    """
    if dry_run and not repair:
        typer.echo("seglake: --dry-run goes with --repair", err=True)
        raise typer.Exit(EXIT_UNUSABLE)
    if repair:
        result = check(data_dir, "fsck.repair", {"deep": deep, "dry_run": dry_run}, as_json=as_json)
    else:
        result = check(data_dir, "fsck.start", {"deep": deep}, as_json=as_json)
    if as_json:
        print_json(result)
    else:
        _tell_repairs(result)
        print_result_findings(result, advised=repair)
        verdict = "sound" if result["sound"] else "NOT SOUND"
        counts = f"{result['versions']:,} versions, {result['parts']:,} parts, {result['segments']:,} segments"
        print(f"{counts}: {verdict}")
    raise typer.Exit(EXIT_OK if result["sound"] else EXIT_FINDINGS)


def _tell_repairs(result: dict[str, Any]) -> None:
    for one in result.get("repaired", ()):
        print(f"{'would repair' if result['dry_run'] else 'repaired'}: {one['where']}: {one['text']}")


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

    Works whether the server runs or not; one with --scrub-interval also scrubs by itself, slowly. A marked version
    answers 500 until it is deleted, or until `seglake fsck --repair` could read all of it again.

    Exit code 1 when anything is damaged. Example: seglake scrub --data-dir ./data --json
    """
    result = check(data_dir, "scrub.start", {"dead": everything, "dry_run": dry_run}, as_json=as_json)
    if as_json:
        print_json(result)
    else:
        _tell_scrub(result)
    raise typer.Exit(EXIT_OK if result["sound"] else EXIT_FINDINGS)


def _tell_scrub(result: dict[str, Any]) -> None:
    print_result_findings(result)
    for where in result["marked"]:
        print(f"marked: {where}: it is not served any more")
    rate = f"{human_size(result['bytes'])} in {result['seconds']:.1f} s ({human_size(result['bytes_per_s'])}/s)"
    print(f"{result['chunks']:,} chunks, {rate}: {result['damaged']:,} damaged")

"""`seglake snapshot` and `seglake restore`: a copy of the store that is one moment's, and the way back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from .jobs import following, run_job
from .output import (
    EXIT_FINDINGS,
    EXIT_OK,
    EXIT_UNUSABLE,
    DataDir,
    Json,
    findings_json,
    human_size,
    print_findings,
    print_json,
    quiet_log,
    shown_stages,
    told,
)

EXIT_INTERRUPTED = 130

Copy = Annotated[bool, typer.Option("--copy", help="Copy payload even where the disk could share it.")]
Rate = Annotated[str, typer.Option("--rate", help="Copy at most so many bytes a second, as 50MiB; 0 is unlimited.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(snapshot)
    app.command()(restore)


def _rate(text: str) -> int:
    from seglake.domain.model.errors import InvalidArgument
    from seglake.entrypoints.units import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise InvalidArgument("rate", text[:40], str(error)) from None


@contextmanager
def _interrupted(directory: Path) -> Iterator[None]:
    """After Ctrl-C, or a failure, what was made in a new directory is nothing; it is said, and what to do with it."""
    new = not _holds_anything(directory)
    try:
        yield
    except typer.Exit as ended:
        if ended.exit_code == EXIT_UNUSABLE and new and _holds_anything(directory):
            print(f"seglake: {directory} is incomplete: remove it before you try again", file=sys.stderr)
        raise
    except KeyboardInterrupt:
        left = f"; remove {directory}, which is incomplete, and start again" if new else ""
        print(f"seglake: interrupted{left}", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _holds_anything(directory: Path) -> bool:
    """What cannot be looked at may hold anything: it is never called new."""
    try:
        return any(directory.iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True


def snapshot(
    directory: Annotated[Path, typer.Argument(help="A new or an empty directory.", show_default=False)],
    *,
    include_data: Annotated[
        bool, typer.Option("--include-data", help="Take the payload too; else only the index and a list of segments.")
    ] = False,
    include_key: Annotated[
        bool, typer.Option("--include-key", help="Put the master key in it: whoever has the snapshot can read all.")
    ] = False,
    copy: Copy = False,
    rate: Rate = "0",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take a snapshot of one moment while requests go on. Works whether the server runs or not.

    Payload of sealed segments is shared by reflink or hard link where the disk can, else copied. Without
    --include-key the master key file is NOT in it: keep a copy of it elsewhere, or no secret opens after a restore.
    Exit code 1 when segments were missing.

    Example: seglake snapshot /backup/monday --include-data
    """
    with _interrupted(directory), following(data_dir, as_json=as_json) as (channel, stages):
        parameters = {
            "target": str(directory.absolute()),
            "data": include_data,
            "link": not copy,
            "key": include_key,
            "bytes_per_s": _rate(rate),
        }
        result = run_job(channel, stages, "snapshot.start", parameters)
    if as_json:
        print_json(result)
    else:
        _tell_snapshot(result)
    raise typer.Exit(EXIT_FINDINGS if result["findings"] else EXIT_OK)


def _tell_snapshot(result: dict[str, Any]) -> None:
    for found in result["findings"]:
        print(f"{found['severity']}: {found['where']}: {found['text']}")
    print(f"{result['snapshot']}: the store up to {result['newest']}")
    print(f"index: {human_size(result['index_bytes'])} in {result['index_seconds']:.1f} s")
    if result["data"]:
        ways = ", ".join([f"{count:,} {way}" for way, count in sorted(result["taken"].items())])
        print(f"payload: {result['segments']:,} segments, {human_size(result['segment_bytes'])} ({ways or 'none'})")
    else:
        print(
            f"payload: not taken; it needs {result['segments']:,} segments of this store (--data-from at the restore)"
        )
    if not result["master_key"]:
        print("the master key file is not in it: keep a copy of it elsewhere")


def restore(
    directory: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="The snapshot.", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="The new data directory.", show_default=False)],
    *,
    at: Annotated[
        str, typer.Option("--at", help="latest, a stamp, or milliseconds since 1970: the state at that moment.")
    ] = "latest",
    data_from: Annotated[
        Path | None, typer.Option("--data-from", help="Data directory to take the segments from.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Also read every payload and compare its BLAKE3.")] = False,
    copy: Copy = False,
    rate: Rate = "0",
    as_json: Json = False,
) -> None:
    """Make a new data directory from a snapshot, and check it. Neither the snapshot nor any store is changed.

    Exit code 1 when the checks found something.

    Example: seglake restore /backup/monday ./data --verify
    """
    from seglake.domain.services.restore import RestoreOptions, parse_moment
    from seglake.entrypoints.restoring import RestorePlan
    from seglake.entrypoints.restoring import restore as run

    with _interrupted(target), told(as_json=as_json), shown_stages() as stages:
        options = RestoreOptions(parse_moment(at), verify, not copy)
        report = run(RestorePlan(directory, target, data_from, _rate(rate)), options, quiet_log(), stages)
    document = {
        "data_dir": str(target.absolute()),
        "newest": None if report.newest is None else str(report.newest),
        "versions": report.versions,
        "segments": report.segments,
        "bytes": report.bytes,
        "verified_bytes": report.verified_bytes,
        "master_key": report.manifest.key,
        "seconds": round(report.seconds, 3),
        "sound": report.sound,
        "findings": findings_json(report.findings),
    }
    if as_json:
        print_json(document)
    else:
        print_findings(report.findings)
        read = "" if report.verified_bytes is None else f", {human_size(report.verified_bytes)} of payload read"
        verdict = "sound" if report.sound else "NOT SOUND"
        print(f"{report.versions:,} versions in {report.segments:,} segments{read}: {verdict}")
        if not report.manifest.key:
            print("the snapshot has no master key: put the file in place (or name it with --master-key-file) first")
    raise typer.Exit(EXIT_OK if report.sound else EXIT_FINDINGS)

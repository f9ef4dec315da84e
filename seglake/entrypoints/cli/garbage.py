"""`seglake gc-plan`, `gc-run`, `gc-rewrite-plan`, `gc-rewrite-run`, `gc-rewrite`, `mpu-gc-plan`, `mpu-gc-run`.

They work whether the server runs or not. A plan changes nothing and says exactly what the run beside it does; a run
asks for --force. Ctrl-C leaves a consistent store, and the same command goes on from there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
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
    human_size,
    print_columns,
    print_json,
    print_table,
)

Force = Annotated[bool, typer.Option("--force", help="Really do it; without it nothing is changed.")]
WarnSegments = Annotated[int, typer.Option("--gc-warn-segments", min=0, help="Warn above so many segments; 0: never.")]
WarnBytes = Annotated[str, typer.Option("--gc-warn-reclaim-bytes", help="Warn above so many bytes, as 50GiB.")]
MaxSegments = Annotated[
    int, typer.Option("--gc-max-segments", min=0, help="Refuse to do more than so many segments; 0: any number.")
]
MaxBytes = Annotated[str, typer.Option("--gc-max-reclaim-bytes", help="Refuse to free more than so many bytes.")]
MinAge = Annotated[str, typer.Option("--gc-min-age", help="Leave segments alone that were begun later than this ago.")]
Threshold = Annotated[
    float,
    typer.Option("--gc-live-threshold", min=0, max=1, help="Rewrite segments of which less than this share stays."),
]
Rate = Annotated[str, typer.Option("--rate", help="Move at most so many bytes a second, as 50MiB; 0 is unlimited.")]
Ttl = Annotated[str, typer.Option("--mpu-ttl", help="How old an upload has to be, as 7d.")]
MaxUploads = Annotated[
    int, typer.Option("--mpu-max-uploads", min=0, help="Refuse to give up more than so many; 0: any number.")
]

_AGAIN = "stopped; the store is consistent, and the same command goes on from here"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("gc-plan")(gc_plan)
    app.command("gc-run")(gc_run)
    app.command("gc-rewrite-plan")(rewrite_plan)
    app.command("gc-rewrite-run")(rewrite_run)
    app.command("gc-rewrite")(rewrite)
    app.command("mpu-gc-plan")(uploads_plan)
    app.command("mpu-gc-run")(uploads_run)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The limits as they were written."""

    warn_segments: int = 0
    warn_bytes: str = "0"
    max_segments: int = 0
    max_bytes: str = "0"
    min_age: str = "0s"

    def parameters(self) -> dict[str, int]:
        """As the admin channel takes them. InvalidArgument."""
        return {
            "warn_segments": self.warn_segments,
            "warn_bytes": _size("gc-warn-reclaim-bytes", self.warn_bytes),
            "max_segments": self.max_segments,
            "max_bytes": _size("gc-max-reclaim-bytes", self.max_bytes),
            "min_age_s": _seconds("gc-min-age", self.min_age),
        }


def _size(name: str, text: str) -> int:
    from seglake.domain.model.errors import InvalidArgument
    from seglake.entrypoints.units import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise InvalidArgument(f"--{name}", text[:40], str(error)) from None


def _seconds(name: str, text: str) -> int:
    from seglake.domain.model.errors import InvalidArgument
    from seglake.entrypoints.units import parse_duration

    try:
        return round(parse_duration(text))
    except ValueError as error:
        raise InvalidArgument(f"--{name}", text[:40], str(error)) from None


def _forced(*, force: bool, plan: str) -> None:
    if not force:
        typer.echo(f"seglake: this frees space for good: look at `seglake {plan}`, then give --force", err=True)
        raise typer.Exit(EXIT_UNUSABLE)


def _done(data_dir: Path | None, method: str, parameters: Mapping[str, Any], *, as_json: bool) -> dict[str, Any]:
    """The job's result; Ctrl-C ends it and says how to go on."""
    try:
        with following(data_dir, as_json=as_json) as (channel, stages):
            return run_job(channel, stages, method, parameters)
    except KeyboardInterrupt:
        print(f"seglake: {_AGAIN}", file=sys.stderr)
        raise typer.Exit(130) from None


def _tell(result: dict[str, Any], rows: list[tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        for found in result["findings"]:
            print(f"{found['severity']}: {found['where']}: {found['text']}")
        print_table(rows)
    raise typer.Exit(EXIT_FINDINGS if result["findings"] else EXIT_OK)


def _show_buckets(result: dict[str, Any]) -> None:
    rows = [
        (
            f"{one['bucket']} (gone)" if one["gone"] else one["bucket"],
            f"{one['versions']:,}",
            *[human_size(one[f"{kind}_bytes"]) for kind in ("live", "dead", "reclaimable")],
        )
        for one in result["buckets"]
    ]
    print_columns(("bucket", "versions", "live", "dead", "reclaimable"), rows, none="no buckets")
    print(f"dead and no bucket's: {human_size(result['unattributed_bytes'])}")


def gc_plan(
    *,
    warn_segments: WarnSegments = 0,
    warn_bytes: WarnBytes = "0",
    min_age: MinAge = "0s",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say what of each bucket is alive, dead and reclaimable, and which segments hold nothing that anybody needs.

    Dead payload is reclaimable when its whole segment goes; a rewrite frees the rest. Changes nothing.

    Exit code 1 when something could not be judged. Example: seglake gc-plan --json
    """
    limits = _Limits(warn_segments, warn_bytes, min_age=min_age)
    result = _done(data_dir, "gc.plan", _parameters(limits, as_json=as_json), as_json=as_json)
    if not as_json:
        _show_buckets(result)
        for one in result["segments"]:
            print(f"{one['segment']}: {human_size(one['bytes'])} would go, begun {one['created']}")
    _tell(result, _plan_rows(result), as_json=as_json)


def _parameters(limits: _Limits, *, as_json: bool) -> dict[str, int]:
    from .output import told

    with told(as_json=as_json):
        return limits.parameters()


def _pace(threshold: float, rate: str, *, as_json: bool) -> dict[str, int]:
    from .output import told

    with told(as_json=as_json):
        return {"live_percent": round(threshold * 100), "bytes_per_s": _size("rate", rate)}


def _plan_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("segments", f"{result['all_segments']:,} ({human_size(result['all_bytes'])})"),
        ("live", human_size(result["live_bytes"])),
        ("dead", human_size(result["dead_bytes"])),
        ("whole segments dead", f"{result['dead_segments']:,} ({human_size(result['reclaimable_bytes'])})"),
        ("doomed already", f"{result['doomed_segments']:,} ({human_size(result['doomed_bytes'])})"),
    ]


def gc_run(
    *,
    warn_segments: WarnSegments = 0,
    warn_bytes: WarnBytes = "0",
    max_segments: MaxSegments = 0,
    max_bytes: MaxBytes = "0",
    min_age: MinAge = "0s",
    force: Force = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Free the segments that hold nothing that anybody needs. A running server frees the space after --gc-grace.

    Exit code 1 when something could not be judged. Example: seglake gc-run --force
    """
    _forced(force=force, plan="gc-plan")
    limits = _Limits(warn_segments, warn_bytes, max_segments, max_bytes, min_age)
    result = _done(data_dir, "gc.run", _parameters(limits, as_json=as_json), as_json=as_json)
    rows = [
        ("doomed", f"{result['dead_segments']:,} segments ({human_size(result['reclaimable_bytes'])})"),
        *_swept_rows(result),
    ]
    _tell(result, rows, as_json=as_json)


def _swept_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("freed", f"{result['removed']:,} segments ({human_size(result['freed_bytes'])})")]
    if result["waiting"]:
        rows.append(("waiting", f"{result['waiting']:,} segments, at least {2 * result['grace_s']:.0f} s"))
    return rows


def rewrite_plan(
    *,
    threshold: Threshold = 0.5,
    warn_segments: WarnSegments = 0,
    warn_bytes: WarnBytes = "0",
    min_age: MinAge = "0s",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say which segments are mostly garbage, and what rewriting them would copy and free. Changes nothing.

    Example: seglake gc-rewrite-plan --gc-live-threshold 0.3
    """
    limits = _Limits(warn_segments, warn_bytes, min_age=min_age)
    parameters = {**_parameters(limits, as_json=as_json), "live_percent": round(threshold * 100)}
    result = _done(data_dir, "gc.rewrite-plan", parameters, as_json=as_json)
    if not as_json:
        for one in result["segments"]:
            stays, size = human_size(one["stays_bytes"]), human_size(one["bytes"])
            print(f"{one['segment']}: {stays} of {size} stay, {human_size(one['gain_bytes'])} come back")
    rows = [
        ("segments", f"{result['rewrites']:,}"),
        ("to be copied", human_size(result["copied_bytes"])),
        ("come back", human_size(result["reclaimable_bytes"])),
    ]
    _tell(result, rows, as_json=as_json)


def rewrite_run(
    *,
    threshold: Threshold = 0.5,
    warn_segments: WarnSegments = 0,
    warn_bytes: WarnBytes = "0",
    max_segments: MaxSegments = 0,
    max_bytes: MaxBytes = "0",
    min_age: MinAge = "0s",
    rate: Rate = "0",
    force: Force = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Move what is alive out of segments that are mostly garbage, and free them.

    It waits while the data directory holds a file named .seglake-gc-pause. Exit code 1 when a segment had to be left.

    Example: seglake gc-rewrite-run --force --rate 50MiB
    """
    _forced(force=force, plan="gc-rewrite-plan")
    limits = _Limits(warn_segments, warn_bytes, max_segments, max_bytes, min_age)
    parameters = {
        **_parameters(limits, as_json=as_json),
        **_pace(threshold, rate, as_json=as_json),
    }
    result = _done(data_dir, "gc.rewrite-run", parameters, as_json=as_json)
    _tell(result, _rewritten_rows(result), as_json=as_json)


def _rewritten_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("rewritten", f"{result['rewritten']:,} segments ({human_size(result['reclaimed_bytes'])} come back)"),
        ("moved", f"{result['moved_versions']:,} versions and parts ({human_size(result['moved_bytes'])})"),
        ("events kept", f"{result['copied_events']:,}"),
        *_swept_rows(result),
    ]


def rewrite(
    *,
    threshold: Threshold = 0.5,
    min_age: MinAge = "0s",
    rate: Rate = "0",
    force: Force = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Both: free what is wholly dead, then rewrite what is mostly garbage.

    Example: seglake gc-rewrite --force
    """
    _forced(force=force, plan="gc-rewrite-plan")
    limits = _parameters(_Limits(min_age=min_age), as_json=as_json)
    parameters = {**limits, **_pace(threshold, rate, as_json=as_json)}
    first = _done(data_dir, "gc.run", limits, as_json=as_json)
    result = _done(data_dir, "gc.rewrite-run", parameters, as_json=as_json)
    rows = [("dead", f"{first['dead_segments']:,} segments"), *_rewritten_rows(result)]
    if as_json:
        result = {**result, "collected": first, "findings": [*first["findings"], *result["findings"]]}
    _tell(result, rows, as_json=as_json)


def uploads_plan(*, ttl: Ttl = "7d", data_dir: DataDir = None, as_json: Json = False) -> None:
    """List multipart uploads that began, or were completed, longer ago than --mpu-ttl. Changes nothing.

    Example: seglake mpu-gc-plan --mpu-ttl 3d
    """
    result = _done(data_dir, "mpu-gc.plan", {"ttl_s": _age(ttl, as_json=as_json)}, as_json=as_json)
    _tell_uploads(result, "would be given up", as_json=as_json)


def uploads_run(
    *,
    ttl: Ttl = "7d",
    max_uploads: MaxUploads = 0,
    force: Force = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Give up multipart uploads that began longer ago than --mpu-ttl, and forget how old ones were completed.

    The space of their parts comes back with gc-run. Example: seglake mpu-gc-run --mpu-ttl 3d --force
    """
    _forced(force=force, plan="mpu-gc-plan")
    parameters = {"ttl_s": _age(ttl, as_json=as_json), "max_uploads": max_uploads}
    result = _done(data_dir, "mpu-gc.run", parameters, as_json=as_json)
    _tell_uploads(result, "given up", as_json=as_json)


def _age(text: str, *, as_json: bool) -> int:
    from .output import told

    with told(as_json=as_json):
        return _seconds("mpu-ttl", text)


def _tell_uploads(result: dict[str, Any], what: str, *, as_json: bool) -> None:
    if not as_json:
        for one in result["uploads"]:
            state = "completed" if one["completed"] else f"{one['parts']:,} parts, {human_size(one['bytes'])}"
            print(f"{one['bucket']}/{one['key']}: upload {one['upload']}, since {one['since']}, {state}")
    _tell(result, [(what, f"{result['count']:,} uploads ({human_size(result['bytes'])})")], as_json=as_json)

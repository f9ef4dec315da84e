"""`seglake lifecycle show` and `explain`: which rules a bucket has, and what they would remove at a time, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglake.domain.model.errors import InvalidArgument
from seglake.entrypoints.settings import Settings, load_settings
from seglake.entrypoints.units import parse_duration

from .output import DataDir, Json, human_size, print_json, quiet_log, told

if TYPE_CHECKING:
    from seglake.domain.model.lifecycle import Lifecycle, Rule
    from seglake.domain.services.lifecycle_scan import Due

Bucket = Annotated[str, typer.Argument(help="The bucket.", metavar="BUCKET", show_default=False)]
At = Annotated[
    str,
    typer.Option(
        "--at",
        help="When: 2030-01-31, 2030-01-31T12:00:00Z, or from now on: +7d, +12h.",
        metavar="TIME",
        show_default="now",
    ),
]
Day = Annotated[
    str | None,
    typer.Option("--lifecycle-day", help="Length of a day. [env var: SEGLAKE_LIFECYCLE_DAY] [default: 86400s]"),
]

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z?)?", re.ASCII)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands = typer.Typer(
        name="lifecycle",
        help="What a bucket's lifecycle rules are, and what they will remove. The server must be stopped.",
        no_args_is_help=True,
    )
    commands.command()(show)
    commands.command()(explain)
    app.add_typer(commands)


def show(bucket: Bucket, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the lifecycle rules of a bucket. Exit code 0 also when it has none.

    Example: seglake lifecycle show backups --data-dir ./data
    """
    from seglake.domain.services.facts import bucket_named
    from seglake.domain.services.lifecycle_scan import lifecycle_of
    from seglake.entrypoints.offline import open_store

    with told(as_json=as_json), open_store(_settings(data_dir, None), quiet_log()) as store:
        found = store.metadata.read(lambda view: lifecycle_of(view, bucket_named(view, bucket)))
    if as_json:
        print_json({"bucket": bucket, "rules": _rules_json(found)})
    elif found is None:
        print(f"the bucket {bucket} has no lifecycle rules")
    else:
        for rule in found.rules:
            print("\n".join(_rule_lines(rule)))


def explain(bucket: Bucket, *, at: At = "", day: Day = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List what the rules of a bucket would remove at a time, by which rule, why, and since when it is due.

    Changes nothing. What is in the bucket now is looked at; a current version that expires becomes noncurrent, and what
    rules do to it after that is not foretold. Exit code 0 whether something is due or not.

    Examples: seglake lifecycle explain backups --at +7d; seglake lifecycle explain logs --at 2030-01-31 --json
    """
    from seglake.domain.services.lifecycle_scan import explain as explained
    from seglake.domain.services.lifecycle_scan import moment
    from seglake.entrypoints.offline import open_store

    with told(as_json=as_json):
        settings = _settings(data_dir, day)
        with open_store(settings, quiet_log()) as store:
            at_ms = parse_time(at, store.context.clock.now_ms())
            head = {"bucket": bucket, "at": moment(at_ms), "lifecycle_day_s": settings.lifecycle_day}
            write = _write_json if as_json else _write_table
            day_ms = settings.lifecycle_day_ms
            store.metadata.read(lambda view: write(head, explained(view, bucket, at_ms, day_ms=day_ms)))


def _settings(data_dir: Path | None, day: str | None) -> Settings:
    return load_settings(data_dir=data_dir, ephemeral=False, lifecycle_day=day)


def parse_time(text: str, now_ms: int) -> int:
    """A date or time in UTC, or ``+`` and a duration from now on, as ms since the epoch; InvalidArgument otherwise."""
    if not text:
        return now_ms
    try:
        if text.startswith("+"):
            return now_ms + round(parse_duration(text[1:]) * 1000)
        if _TIME.fullmatch(text):
            return round(datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        pass
    raise InvalidArgument("--at", text, "write for example 2030-01-31, 2030-01-31T12:00:00Z or +7d")


def _row(due: Due) -> dict[str, Any]:
    from seglake.domain.services.lifecycle_scan import moment

    decision = due.decision
    subject: dict[str, Any] = {"version": due.version, "size": due.size}
    if due.upload:
        subject = {"upload": due.upload}
    return {
        "key": due.key,
        **subject,
        "action": decision.action.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "due": moment(decision.due_ms),
        "kept": due.kept or None,
    }


def _write_json(head: dict[str, Any], dues: Iterator[Due]) -> None:
    """One document, written row by row: a bucket has any number of versions."""
    rows = map(_row, dues)
    first = next(rows, None)  # an error comes before the document
    print("{")
    for name, value in head.items():
        print(f'  "{name}": {json.dumps(value, ensure_ascii=False)},')
    print('  "due": [', end="")
    count = 0
    row = first
    while row is not None:
        print("," if count else "", f"\n    {json.dumps(row, ensure_ascii=False)}", sep="", end="")
        count += 1
        row = next(rows, None)
    print("\n  ]," if count else "],")
    print(f'  "count": {count}\n}}')


def _write_table(head: dict[str, Any], dues: Iterator[Due]) -> None:
    """One line each, in columns that need no look ahead; keys come last because they may be long."""
    count = kept = 0
    line = "{:<17}  {:<20}  {:<20}  {:>10}  {}"
    for due in dues:
        if not count:
            print(line.format("ACTION", "DUE SINCE", "VERSION", "SIZE", "KEY, RULE AND REASON"))
        row = _row(due)
        size = human_size(due.size) if "size" in row else ""
        shown = row.get("version") or "upload"
        reason = f"{_shown(due.key)}  (rule {_shown(row['rule'])}: {row['reason']})"
        if due.kept:
            kept += 1
            reason += f"  STAYS: {due.kept}"
        print(line.format(row["action"], row["due"], shown, size, reason))
        count += 1
    locked = f", {kept:,} of them locked" if kept else ""
    print(f"{count:,} due in {head['bucket']} at {head['at']}{locked}")


def _shown(text: str) -> str:
    """A name that cannot move a terminal's cursor."""
    return text if text.isprintable() else json.dumps(text)


def _rules_json(found: Lifecycle | None) -> list[dict[str, Any]]:
    from seglake.domain.model.lifecycle import to_text

    rules: list[dict[str, Any]] = [] if found is None else json.loads(to_text(found))["rules"]
    return rules


def _rule_lines(rule: Rule) -> Iterator[str]:
    from seglake.domain.services.lifecycle_scan import moment

    chosen, expiration, noncurrent = rule.filter, rule.expiration, rule.noncurrent
    conditions = [] if not chosen.prefix else [f"prefix {_shown(chosen.prefix)}"]
    conditions += [f"tag {_shown(name)}={_shown(value)}" for name, value in chosen.tags]
    conditions += [] if chosen.above is None else [f"larger than {chosen.above:,} bytes"]
    conditions += [] if chosen.below is None else [f"smaller than {chosen.below:,} bytes"]
    yield f"{_shown(rule.id)}: {'enabled' if rule.enabled else 'disabled'}, {', '.join(conditions) or 'everything'}"
    if expiration is not None and expiration.days is not None:
        yield f"  expires current versions after {expiration.days} days"
    if expiration is not None and expiration.date_ms is not None:
        yield f"  expires current versions from {moment(expiration.date_ms)} on"
    if expiration is not None and expiration.markers:
        yield "  removes delete markers with no version left under them"
    if noncurrent is not None:
        keep = f", but the {noncurrent.keep} newest" if noncurrent.keep else ""
        yield f"  removes noncurrent versions after {noncurrent.days} days{keep}"
    if rule.abort_days is not None:
        yield f"  aborts multipart uploads after {rule.abort_days} days"

"""`seglake lifecycle show` and `explain`: which rules a bucket has, and what they would remove at a time, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglake.domain.model.errors import InvalidArgument
from seglake.entrypoints.settings import load_settings
from seglake.entrypoints.units import parse_duration

from .asking import asking
from .output import DataDir, Json, human_size, print_json, shown, told

if TYPE_CHECKING:
    from seglake.domain.model.lifecycle import Rule
    from seglake.entrypoints.admin_channel import Channel

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
    typer.Option("--lifecycle-day", help="Length of a day, if not the store's own.", show_default=False),
]

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z?)?", re.ASCII)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(group())


def group() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(
        name="lifecycle",
        help="What a bucket's lifecycle rules are, and what they will remove.",
        no_args_is_help=True,
    )
    commands.command()(show)
    commands.command()(explain)
    return commands


def show(bucket: Bucket, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the lifecycle rules of a bucket. Exit code 0 also when it has none.

    Example: seglake lifecycle show backups --data-dir ./data
    """
    from seglake.domain.model.lifecycle import parse_text

    with asking(data_dir, as_json=as_json) as channel:
        result = channel.call("lifecycle.show", {"bucket": bucket})
    if as_json:
        print_json(result)
    elif not result["rules"]:
        print(f"the bucket {bucket} has no lifecycle rules")
    else:
        for rule in parse_text(json.dumps(result)).rules:
            print("\n".join(_rule_lines(rule)))


def explain(bucket: Bucket, *, at: At = "", day: Day = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List what the rules of a bucket would remove at a time, by which rule, why, and since when it is due.

    Changes nothing. What is in the bucket now is looked at; a current version that expires becomes noncurrent, and what
    rules do to it after that is not foretold. Exit code 0 whether something is due or not.

    Examples: seglake lifecycle explain backups --at +7d; seglake lifecycle explain logs --at 2030-01-31 --json
    """
    from seglake.adapters.system.clock import SystemClock

    with told(as_json=as_json):
        day_ms = None if day is None else load_settings(lifecycle_day=day).lifecycle_day_ms
        asked = {"bucket": bucket, "at_ms": parse_time(at, SystemClock().now_ms()), "day_ms": day_ms}
    with asking(data_dir, as_json=as_json) as channel:
        first = channel.call("lifecycle.explain", asked)
        (_write_json if as_json else _write_table)(first, _rows(channel, asked, first))


def _rows(channel: Channel, asked: dict[str, Any], first: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is due, page after page."""
    page = first
    yield from page["due"]
    while page["cursor"] is not None:
        page = channel.call("lifecycle.explain", {**asked, "cursor": page["cursor"]})
        yield from page["due"]


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


def _write_json(head: dict[str, Any], rows: Iterator[dict[str, Any]]) -> None:
    """One document, written row by row: a bucket has any number of versions."""
    print("{")
    for name in ("bucket", "at", "lifecycle_day_s"):
        print(f'  "{name}": {json.dumps(head[name], ensure_ascii=False)},')
    print('  "due": [', end="")
    count = 0
    for row in rows:
        print("," if count else "", f"\n    {json.dumps(row, ensure_ascii=False)}", sep="", end="")
        count += 1
    print("\n  ]," if count else "],")
    print(f'  "count": {count}\n}}')


def _write_table(head: dict[str, Any], rows: Iterator[dict[str, Any]]) -> None:
    """One line each, in columns that need no look ahead; keys come last because they may be long."""
    count = kept = 0
    line = "{:<17}  {:<20}  {:<20}  {:>10}  {}"
    for row in rows:
        if not count:
            print(line.format("ACTION", "DUE SINCE", "VERSION", "SIZE", "KEY, RULE AND REASON"))
        size = human_size(row["size"]) if "size" in row else ""
        version = row.get("version") or "upload"
        reason = f"{shown(row['key'])}  (rule {shown(row['rule'])}: {row['reason']})"
        if row["kept"]:
            kept += 1
            reason += f"  STAYS: {row['kept']}"
        print(line.format(row["action"], row["due"], version, size, reason))
        count += 1
    locked = f", {kept:,} of them locked" if kept else ""
    print(f"{count:,} due in {head['bucket']} at {head['at']}{locked}")


def _rule_lines(rule: Rule) -> Iterator[str]:
    from seglake.domain.services.lifecycle_scan import moment

    chosen, expiration, noncurrent = rule.filter, rule.expiration, rule.noncurrent
    conditions = [] if not chosen.prefix else [f"prefix {shown(chosen.prefix)}"]
    conditions += [f"tag {shown(name)}={shown(value)}" for name, value in chosen.tags]
    conditions += [] if chosen.above is None else [f"larger than {chosen.above:,} bytes"]
    conditions += [] if chosen.below is None else [f"smaller than {chosen.below:,} bytes"]
    yield f"{shown(rule.id)}: {'enabled' if rule.enabled else 'disabled'}, {', '.join(conditions) or 'everything'}"
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

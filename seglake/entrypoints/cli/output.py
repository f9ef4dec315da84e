"""Results go to standard output, as text or with --json as one document; progress and errors to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from seglake.domain.model.errors import SeglakeError
from seglake.domain.ports.log import Log
from seglake.domain.ports.progress import Progress, Silent, Stages
from seglake.domain.services.findings import Finding
from seglake.entrypoints.settings import Settings, SettingsInvalid, load_settings

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_UNUSABLE = 2

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        readable=False,  # whoever may not enter it is told whom to ask, below
        help="Directory that holds the store. [env var: SEGLAKE_DATA_DIR] [default: ./data]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output.")]


def offline_settings(data_dir: Path | None) -> Settings:
    """The settings of an offline command. SettingsInvalid."""
    return load_settings(data_dir=data_dir, ephemeral=False)


def quiet_log() -> Log:
    """The log of an offline command: only warnings and errors, on standard error."""
    import structlog

    from seglake.entrypoints.logging import configure_logging

    configure_logging(level="warning")
    log: Log = structlog.get_logger()
    return log


@contextmanager
def told(*, as_json: bool) -> Iterator[None]:
    """Expected failures become one line each and exit code 2."""
    try:
        yield
    except SettingsInvalid as error:
        problems: Sequence[str] = error.problems
    except SeglakeError as error:
        problems = (error.hint,)
    except OSError as error:
        problems = (str(error),)
    else:
        return
    for problem in problems:
        print(f"seglake: {problem}", file=sys.stderr)
    if as_json:
        print_json({"error": "; ".join(problems)})
    raise typer.Exit(EXIT_UNUSABLE)


def print_json(document: dict[str, Any]) -> None:
    """One document, indented, keys in the order given."""
    print(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(rows: Sequence[tuple[str, str]]) -> None:
    """Names and values in two columns."""
    width = max([len(name) for name, _ in rows], default=0)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def print_columns(heads: Sequence[str], rows: Sequence[Sequence[str]], *, none: str) -> None:
    """A table for people; ``none`` is said when it has no rows. No text in it can move a terminal's cursor."""
    if not rows:
        print(none)
        return
    table = [list(heads), *[[shown(cell) for cell in row] for row in rows]]
    widths = [max([len(row[column]) for row in table]) for column in range(len(heads))]
    for row in table:
        print("  ".join([f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]).rstrip())


def shown(text: str) -> str:
    """A text as it is, or quoted when it holds what a terminal would obey."""
    return text if text.isprintable() else json.dumps(text)


def findings_json(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Findings for a document."""
    return [{"severity": str(f.severity), "where": f.where, "text": f.text} for f in findings]


def print_findings(findings: Sequence[Finding]) -> None:
    """One line each."""
    for found in findings:
        print(f"{found.severity}: {found.where}: {found.text}")


def print_result_findings(result: dict[str, Any], *, advised: bool = False) -> None:
    """The findings of a result, one line each, perhaps with what helps; and how many are not shown."""
    for found in result["findings"]:
        print(f"{found['severity']}: {found['where']}: {found['text']}")
        if advised:
            print(f"    what helps: {found['advice']}")
    more = result.get("findings_in_all", 0) - len(result["findings"])
    if more > 0:
        print(f"... and {more:,} more findings")


def human_size(size: float) -> str:
    """Bytes as people read them: 1.5 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


@contextmanager
def shown_stages() -> Iterator[Stages]:
    """Progress bars on a terminal, else one plain line for each stage; both on standard error."""
    if not sys.stderr.isatty():
        yield _plain
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}"), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield lambda name, unit: _Bar(bars, name, unit)


def _plain(name: str, _unit: str, /) -> Progress:
    print(f"{name} ...", file=sys.stderr, flush=True)
    return Silent()


@dataclass(slots=True)
class _Bar:
    """One bar of rich's display, updated at most every 1/500 of its length."""

    update: Callable[[int, int], None]
    size: int = 0
    done: int = 0
    shown: int = 0

    def __init__(self, bars: Any, name: str, unit: str) -> None:
        task = bars.add_task(name, total=None, shown="")
        render = human_size if unit == "bytes" else "{:,.0f}".format

        def update(done: int, size: int) -> None:
            bars.update(task, completed=done, total=size or None, shown=f"{render(done)}/{render(size)} {unit}")

        self.update = update
        self.size = self.done = self.shown = 0

    def total(self, units: int, /) -> None:
        """How many there are."""
        self.size = units
        self.update(self.done, units)

    def advance(self, units: int = 1, /) -> None:
        """So many more are done."""
        self.done += units
        if self.done - self.shown >= self.size // 500 or self.done >= self.size:
            self.shown = self.done
            self.update(self.done, self.size)

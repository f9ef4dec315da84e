"""Applies one mutant to a copy of the sources and runs the tests that must notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from .mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 150
FAILED = 1
"""pytest's exit code when tests ran and some failed."""


@dataclass(slots=True)
class Copy:
    """A copy of package, tests and documents, in which one mutant at a time lives."""

    place: Path
    _stamps: Iterator[int] = field(default_factory=lambda: count(2_000_000_000, 10))

    def __post_init__(self) -> None:
        ignored = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.egg-info")
        for name in ("seglake", "tests", "docs"):
            shutil.copytree(ROOT / name, self.place / name, ignore=ignored)
        shutil.copy(ROOT / "pyproject.toml", self.place)

    @contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        """The sources with the mutant in them."""
        sources = {edit.file: self._read(edit.file) for edit in mutant.edits}
        try:
            for edit in mutant.edits:
                self._write(edit.file, apply(self._read(edit.file), edit.old, edit.new))
            yield
        finally:
            for file, source in sources.items():
                self._write(file, source)

    def run(self, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        """Runs these tests in the copy, to the first failure."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "PYTHONPATH": str(self.place)}
        return subprocess.run(
            command, cwd=self.place, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    def _read(self, file: str) -> str:
        return (self.place / "seglake" / file).read_text(encoding="utf-8")

    def _write(self, file: str, source: str) -> None:
        path = self.place / "seglake" / file
        path.write_text(source, encoding="utf-8")
        stamp = next(self._stamps)
        os.utime(path, (stamp, stamp))  # compiled files are told apart by whole seconds


def apply(source: str, old: str, new: str) -> str:
    """The changed source. AssertionError unless ``old`` stands in it exactly once."""
    assert source.count(old) == 1, f"found {source.count(old)} times, not once:\n{old}"
    changed = source.replace(old, new)
    assert changed != source
    compile(changed, "mutant", "exec")
    return changed

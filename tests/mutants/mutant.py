"""What a mutant is: edits of the source, and the tests that must notice them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """``old`` stands exactly once in ``file`` (below seglake/) and becomes ``new``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """``tests`` are pytest's arguments; at least one of those tests must fail on the changed source."""

    name: str
    tests: tuple[str, ...]
    edits: tuple[Edit, ...]

"""Long work reports how far it is; who shows it, and how, is not its business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """One task's progress. Called from the thread that works."""

    def total(self, units: int, /) -> None:
        """How many units there are (objects or bytes, as the task says)."""
        ...

    def advance(self, units: int = 1, /) -> None: ...


class Silent:
    """Reports to nobody."""

    def total(self, units: int, /) -> None:
        """Ignores it."""

    def advance(self, units: int = 1, /) -> None:
        """Ignores it."""


Stages = Callable[[str, str], Progress]
"""Begins one stage of a longer task: its name and what its units are (``objects``, ``bytes``, ...)."""


def silent(_name: str, _unit: str, /) -> Progress:
    """A stage that reports to nobody."""
    return Silent()

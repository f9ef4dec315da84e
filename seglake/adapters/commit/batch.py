"""Every script of a batch gets its own outcome: success only after its own commit, and nobody pays for a neighbour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from seglake.domain.model.errors import StorageFull, StoreClosed, StoreFailed
from seglake.domain.model.segment import DurableMark
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.metadata import Outcome, Script


class Journals(Protocol):
    """The only part of a SegmentStore that a committer needs."""

    def journal(self, marks: Iterable[DurableMark], /) -> Journal:
        """As SegmentStore.journal."""
        ...


class Index(Protocol):
    """The only part of a MetadataStore that a committer needs."""

    def apply(self, scripts: Sequence[Script[Any]], journal: Journal, /) -> list[Outcome]:
        """As MetadataStore.apply."""
        ...

    def maintain(self) -> None:
        """As MetadataStore.maintain."""
        ...


class Pending(Protocol):
    """A script that waits, and the synced bulk lengths that it refers to."""

    @property
    def script(self) -> Script[Any]:
        """What to run."""
        ...

    @property
    def after(self) -> Sequence[DurableMark]:
        """What its commit makes part of the index."""
        ...


def run_batch(metadata: Index, segments: Journals, pending: Sequence[Pending]) -> list[Outcome]:
    """Commits all together; when the disk has no room for all, one by one, so that a delete still passes. Blocking.

    A StorageFull or StoreClosed is the outcome of whom it met. Raises StoreFailed, and nothing else, when the store
    can no longer be trusted: then nobody may be acknowledged.
    """
    try:
        return _commit(metadata, segments, pending)
    except StorageFull as error:
        if len(pending) == 1:
            return [error]
    except StoreClosed as error:
        return [error] * len(pending)
    outcomes: list[Outcome] = []
    for one in pending:
        try:
            outcomes += _commit(metadata, segments, (one,))
        except (StorageFull, StoreClosed) as error:
            outcomes.append(error)
    return outcomes


def _commit(metadata: Index, segments: Journals, pending: Sequence[Pending]) -> list[Outcome]:
    marks: Sequence[DurableMark]
    marks = pending[0].after if len(pending) == 1 else [mark for one in pending for mark in one.after]
    try:
        outcomes = metadata.apply([one.script for one in pending], segments.journal(marks))
    except (StorageFull, StoreClosed, StoreFailed):
        raise
    except Exception as error:
        raise StoreFailed(f"a commit ended in an unforeseen way: {type(error).__name__}: {error}") from error
    assert len(outcomes) == len(pending), "every script has its own outcome"
    return outcomes

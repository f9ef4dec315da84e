"""The committer: the only road from a decided change to an acknowledged one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from seglake.domain.model.segment import DurableMark

from .metadata import Script

T = TypeVar("T")


class Committer(Protocol):
    """Runs scripts in serialised batches. A waiter travels with its own commit and with no other."""

    async def commit(self, script: Script[T], /, *, after: Sequence[DurableMark] = (), size: int = 0) -> T:
        """Returns the script's result once it is durable and visible; raises what the script raised.

        ``after`` are the synced bulk lengths that the script refers to, ``size`` the payload bytes it will ``store``
        (bounds the batch). Cancelling the caller does not undo a commit under way. StorageFull: nothing was written.
        StoreFailed: unknown whether it is durable; it is not acknowledged, and no later commit is.
        """
        ...

    async def call(self, work: Callable[[], T], /) -> T:
        """Runs blocking ``work`` where batches run, between two of them (for example ``SegmentStore.seal_idle``)."""
        ...

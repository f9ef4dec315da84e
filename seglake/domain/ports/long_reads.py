"""Reads of a whole store run where they disturb least: here, or in a process that takes nothing from those who are
served."""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar

from .metadata import MetadataReads
from .progress import Stages
from .segments import SegmentFiles

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class LongRead(Protocol[T_co]):
    """Reads a store and says what it found. Blocking; it and its result can be pickled: others may run it."""

    reads_files: ClassVar[bool] = True
    """Whether it reads segment files, and not the index alone."""

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> T_co:
        """MetadataDamaged, StoreFailed, and what the stages raise."""
        ...


class LongReads(Protocol):
    """Runs long reads of one store. Blocking."""

    def run(self, work: LongRead[T], stages: Stages, /) -> T:
        """What the read found, in a snapshot taken after the call."""
        ...

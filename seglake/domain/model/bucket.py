"""A bucket: a name, an owner, and how it keeps versions. Its id is the ticks of its creation, so a new bucket of an
old name is another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .hlc import HLC
from .manifest import ROOT


class Versioning(StrEnum):
    """API: PutBucketVersioning; a bucket that was never configured is UNVERSIONED."""

    UNVERSIONED = "Unversioned"
    ENABLED = "Enabled"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket; ``created`` is the stamp of its creation and ``id`` the ticks of it.

    ``configured`` are the ticks of the newest change of its configuration texts, 0 while it never had any.
    """

    name: str
    created: HLC
    versioning: Versioning = Versioning.UNVERSIONED
    owner: str = ROOT
    region: str = "us-east-1"
    configured: int = 0

    @property
    def id(self) -> int:
        """The number that versions refer to."""
        return self.created.ticks

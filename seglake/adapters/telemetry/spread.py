"""How whole numbers are spread: counts in buckets of a sixteenth of their value, so every quantile is off by little.

The first 32 numbers have a bucket each; from there on each doubling has 16. A power of two is always the edge of a
bucket: counts below one are exact, which is why the exported histograms use powers of two only.
"""

from __future__ import annotations

from collections.abc import Sequence

VALUE_MAX = (1 << 33) - 1
"""What is larger counts as this: with microseconds, more than two hours."""

BUCKETS = 480
_LINEAR = 32


def bucket_of(value: int) -> int:
    """The bucket of ``value`` (0 to VALUE_MAX)."""
    shift = value.bit_length() - 5
    return value if shift <= 0 else (shift << 4) + (value >> shift)


def edges_of(bucket: int) -> tuple[int, int]:
    """The smallest value of a bucket and the smallest of the next."""
    if bucket < _LINEAR:
        return bucket, bucket + 1
    shift = (bucket >> 4) - 1
    first = (bucket - (shift << 4)) << shift
    return first, first + (1 << shift)


def quantile(counts: Sequence[int], share: float) -> float:
    """The value below which ``share`` (0 to 1) of what was counted lies, 0 when nothing was: within 4 %."""
    total = sum(counts)
    if not total:
        return 0.0
    wanted = share * total
    seen = 0
    for bucket, count in enumerate(counts):
        if count and seen + count >= wanted:
            first, following = edges_of(bucket)
            if following - first == 1:
                return float(first)
            return first + (following - first) * max(0.0, wanted - seen) / count
        seen += count
    raise AssertionError("a share is at most one")


def below_powers(counts: Sequence[int], powers: Sequence[int]) -> list[int]:
    """For each exponent, ascending and from 5 on or below it: how many of what was counted is less than 2 ** it."""
    found, seen, at = [], 0, 0
    for power in powers:
        edge = bucket_of(1 << power)
        seen += sum(counts[at:edge])
        at = edge
        found.append(seen)
    return found


class Spread:
    """Counts of whole numbers, and their sum. ``add`` from one thread; others may read."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.total = 0

    def add(self, value: int) -> None:
        """Counts one."""
        value = min(max(value, 0), VALUE_MAX)
        self.counts[bucket_of(value)] += 1
        self.total += value

    def copy(self) -> list[int]:
        """The counts at this moment."""
        return self.counts[:]

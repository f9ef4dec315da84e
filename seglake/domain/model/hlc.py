"""A hybrid logical clock stamp orders every state change of every site; commit order is stamp order.

Kulkarni et al., "Logical Physical Clocks", 2014. A stamp is 48 bits of wall milliseconds and 16 bits of counter,
then the site.
"""

from __future__ import annotations

from typing import NamedTuple

COUNTER_BITS = 16
TICKS_MAX = (1 << 63) - 1
SITE_MAX = (1 << 32) - 1


class HLC(NamedTuple):
    """One stamp: ``ticks`` = milliseconds << 16 | counter (63 bits), ``site`` = 32-bit id of the writing site."""

    ticks: int
    site: int

    @property
    def ms(self) -> int:
        """Wall time of the stamp in milliseconds since the epoch."""
        return self.ticks >> COUNTER_BITS

    def __str__(self) -> str:
        return f"{self.ticks:016x}.{self.site:08x}"


def next_ticks(last: int, now_ms: int) -> int:
    """The smallest ticks above ``last`` that are not behind ``now_ms``; a clock that runs backwards only counts."""
    return max(last + 1, now_ms << COUNTER_BITS)


def parse_hlc(text: str) -> HLC:
    """Reads the form that ``str`` writes; ValueError on anything else."""
    ticks, dot, site = text.partition(".")
    if dot != "." or len(ticks) != 16 or len(site) != 8 or not (text.isascii() and text == text.lower()):
        raise ValueError(f"not a stamp: {text[:40]!r}")
    stamp = HLC(int(ticks, 16), int(site, 16))
    if str(stamp) != text or stamp.ticks > TICKS_MAX:
        raise ValueError(f"not a stamp: {text[:40]!r}")
    return stamp

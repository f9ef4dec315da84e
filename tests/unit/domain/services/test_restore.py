from __future__ import annotations

import pytest

from seglake.domain.model.errors import InvalidArgument
from seglake.domain.model.hlc import COUNTER_BITS, HLC
from seglake.domain.services.restore import parse_moment


def test_a_moment_is_latest_a_stamp_or_a_millisecond_to_its_end() -> None:
    assert parse_moment("latest") is None
    assert parse_moment(str(HLC(5, 7))) == HLC(5, 7)
    found = parse_moment("1700000000000")
    assert found is not None
    assert HLC(1_700_000_000_000 << COUNTER_BITS, 3) < found < HLC(1_700_000_000_001 << COUNTER_BITS, 0)


@pytest.mark.parametrize("text", ["", "now", "-1", "1.5", "2024-01-01", "018f3a2b4c5d0000", "9" * 15])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_moment(text)

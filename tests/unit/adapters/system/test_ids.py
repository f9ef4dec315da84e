"""Random bytes have the length asked for and do not repeat."""

from __future__ import annotations

import re

from seglake.adapters.system.ids import SystemRandom, new_request_id


def test_bytes_have_the_length_asked_for_and_differ() -> None:
    source = SystemRandom()
    assert [len(source.bytes(count)) for count in (0, 1, 16, 32)] == [0, 1, 16, 32]
    assert len({source.bytes(16) for _ in range(1000)}) == 1000


def test_request_ids_look_like_those_of_s3_and_differ() -> None:
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9A-F]{16}", one) for one in ids)

from __future__ import annotations

from collections.abc import Callable

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.disk_format import walk as module
from seglake.adapters.disk_format.records import HEADER_BYTES, RECORD_MAGIC, RecordCodec, RecordKind
from seglake.adapters.disk_format.walk import Found, Gap, walk

CODEC = RecordCodec(b"s" * 16, b"k" * 32)
START = 100


def record(sequence: int, offset: int, payload: bytes) -> bytes:
    digest = blake3(payload).digest()
    return CODEC.header(RecordKind.EVENT, sequence, offset, len(payload), digest) + payload


def file_of(payloads: list[bytes]) -> bytes:
    data = bytes(START)
    for number, payload in enumerate(payloads):
        data += record(number, len(data), payload)
    return data


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda size, offset: data[offset : offset + size]


def walked(data: bytes, stop: int | None = None) -> list[Found | Gap]:
    return list(walk(reader(data), CODEC, START, len(data) if stop is None else stop))


def payloads_of(found: list[Found | Gap]) -> list[bytes]:
    return [bytes(item.payload) for item in found if isinstance(item, Found)]


def check_covered(found: list[Found | Gap], stop: int) -> None:
    """Records and gaps lie one behind the other, without holes, from start to stop."""
    position = START
    for item in found:
        assert item.offset == position
        position += item.length + (HEADER_BYTES if isinstance(item, Found) else 0)
    assert position == stop


@pytest.fixture(params=[module.BLOCK_BYTES, 300, 97])
def block_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "BLOCK_BYTES", request.param)
    return int(request.param)


def test_every_record_is_found_once(block_bytes: int) -> None:
    payloads = [bytes((n,)) * (n * 37 % 500) for n in range(40)]
    data = file_of(payloads)
    found = walked(data)
    assert payloads_of(found) == payloads
    assert [item.sequence for item in found if isinstance(item, Found)] == list(range(40))
    check_covered(found, len(data))


def test_nothing_is_read_beyond_the_end(block_bytes: int) -> None:
    data = file_of([b"a" * 50, b"b" * 50, b"c" * 50])
    stop = START + 2 * (HEADER_BYTES + 50)
    reads: list[int] = []

    def read(size: int, offset: int) -> bytes:
        reads.append(offset + size)
        return data[offset : offset + size]

    assert len(list(walk(read, CODEC, START, stop))) == 2
    assert max(reads) <= stop


def test_a_damaged_header_costs_its_own_record_only(block_bytes: int) -> None:
    payloads = [bytes((n,)) * 50 for n in range(10)]
    data = bytearray(file_of(payloads))
    data[START + 4 * (HEADER_BYTES + 50) + 20] ^= 1
    found = walked(bytes(data))
    assert payloads_of(found) == payloads[:4] + payloads[5:]
    assert [item.length for item in found if isinstance(item, Gap)] == [HEADER_BYTES + 50]
    check_covered(found, len(data))


def test_a_torn_tail_is_a_gap(block_bytes: int) -> None:
    whole = file_of([b"a" * 50, b"b" * 200])
    for cut in range(START + HEADER_BYTES + 51, len(whole)):
        found = walked(whole[:cut])
        assert payloads_of(found) == [b"a" * 50]
        check_covered(found, cut)


def test_a_file_shorter_than_promised_ends_in_a_gap(block_bytes: int) -> None:
    whole = file_of([b"a" * 50, b"b" * 200])
    for cut in (len(whole) - 10, len(whole) - 230, START + 10):
        found = walked(whole[:cut], stop=len(whole))
        check_covered(found, len(whole))
        assert isinstance(found[-1], Gap)


def test_object_bytes_cannot_pose_as_a_record(block_bytes: int) -> None:
    forged = RecordCodec(CODEC.segment, b"x" * 32)
    offset = START + HEADER_BYTES
    fake = forged.header(RecordKind.EVENT, 1, offset, 4, blake3(b"fake").digest()) + b"fake"
    data = bytearray(file_of([fake + RECORD_MAGIC * 40, b"real"]))
    data[START] ^= 1  # the record around it is lost, so its bytes are searched
    found = walked(bytes(data))
    assert payloads_of(found) == [b"real"]


@given(st.data())
def test_any_flipped_byte_leaves_the_other_records(data: st.DataObject) -> None:
    payloads = [bytes((n,)) * (10 * n + 1) for n in range(6)]
    good = file_of(payloads)
    place = data.draw(st.integers(START, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    found = walked(bytes(bad))
    check_covered(found, len(good))
    sound = [p for p in payloads_of(found) if p in payloads]
    assert len(sound) == len(payloads) - 1

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import cbor2
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from seglake.adapters.disk_format import pack as module
from seglake.adapters.disk_format.events import encode_event
from seglake.adapters.disk_format.pack import (
    PackHead,
    check_pack,
    encode_entry_prefix,
    encode_head,
    encode_tail,
    entries,
)
from seglake.domain.model.errors import FormatDamaged, SeglakeError, UnknownFormat
from seglake.domain.model.events import Event
from tests.unit.adapters.disk_format.values import events

HEAD = PackHead(b"s" * 16, b"f" * 32, 1_700_000_000_000)


def pack_of(items: list[tuple[int, bytes]], head: PackHead = HEAD) -> bytes:
    body = encode_head(head) + b"".join([encode_entry_prefix(at, len(item)) + item for at, item in items])
    return body + encode_tail(len(items), blake3(body))


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda size, offset: data[offset : offset + size]


ITEMS = [(4096 + (n << n), cbor2.dumps({"e": "x" * n * 40})) for n in range(30)]
PACK = pack_of(ITEMS)


@pytest.mark.parametrize("piece", [module.PIECE_BYTES, 100, 64])
def test_entries_come_back(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", piece)
    assert check_pack(reader(PACK), len(PACK)) == (HEAD, len(ITEMS))
    found = [(at, bytes(item)) for at, length, item in entries(reader(PACK), len(PACK)) if length == len(item)]
    assert found == ITEMS


@settings(max_examples=20)
@given(st.lists(events, max_size=4))
def test_any_cbor_tool_can_read_a_pack(some: list[Event]) -> None:
    encoded = [encode_event(event) for event in some]
    pack = BytesIO(pack_of([(number * 1000, item) for number, item in enumerate(encoded)]))
    size = len(pack.getvalue())
    sequence = []
    while pack.tell() < size:
        sequence.append(cbor2.CBORDecoder(pack, read_size=1).decode())
    assert sequence[0]["format"] == "seglake-manifests"
    assert sequence[0]["segment"] == HEAD.segment
    assert sequence[0]["sealed"] == HEAD.footer
    assert sequence[1:-1] == [[n * 1000, len(item), cbor2.loads(item)] for n, item in enumerate(encoded)]
    assert sequence[-1]["count"] == len(some)


def test_every_flipped_byte_is_noticed() -> None:
    pack = pack_of(ITEMS[:3])
    for place in range(len(pack)):
        changed = bytearray(pack)
        changed[place] ^= 0x10
        with pytest.raises(SeglakeError) as caught:
            check_pack(reader(bytes(changed)), len(pack))
        assert isinstance(caught.value, FormatDamaged | UnknownFormat)


def test_a_pack_of_another_length_is_refused() -> None:
    for wrong in (PACK[:-1], PACK + b"\0", PACK[:100], b""):
        with pytest.raises(FormatDamaged):
            check_pack(reader(wrong), len(wrong))
    with pytest.raises(FormatDamaged):
        check_pack(reader(PACK[:-200]), len(PACK))


def test_a_newer_pack_is_told_from_damage() -> None:
    body = encode_head(HEAD)[:-1] + b"\2"
    with pytest.raises(UnknownFormat):
        check_pack(reader(body + encode_tail(0, blake3(body))), len(body) + 57)


@pytest.mark.parametrize(
    "wrong", [b"\x82\x01\x01\x00", b"\x83\x01\x19\xff\xff\x00", b"\x83\x41a\x01\x00", b"\x83\x01\x05\x00"]
)
def test_an_entry_that_breaks_its_frame_is_refused(wrong: bytes) -> None:
    body = encode_head(HEAD) + wrong
    pack = body + encode_tail(1, blake3(body))
    with pytest.raises(FormatDamaged):
        list(entries(reader(pack), len(pack)))


@given(st.integers(0, 2**40), st.integers(0, 2**26))
def test_an_entrys_prefix_is_deterministic_cbor(offset: int, length: int) -> None:
    assert encode_entry_prefix(offset, length) == cbor2.dumps([offset, length, 0], canonical=True)[:-1]


@pytest.mark.parametrize("offset", [65535, 65536, 2**32 - 1, 2**32])
@pytest.mark.parametrize("length", [255, 256, 65535, 65536])
def test_prefixes_at_their_borders(offset: int, length: int) -> None:
    assert encode_entry_prefix(offset, length) == cbor2.dumps([offset, length, 0], canonical=True)[:-1]

from __future__ import annotations

from contextlib import suppress
from typing import Any, get_args

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.disk_format.events import _READERS, _WRITERS, decode_event, encode_event
from seglake.domain.model.errors import FormatDamaged, UnknownFormat
from seglake.domain.model.events import BucketDeleted, Event, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from tests.unit.adapters.disk_format.values import events

EVENT = BucketDeleted(HLC(5, 6), 7)


@given(events)
def test_an_event_comes_back(event: Event) -> None:
    encoded = encode_event(event)
    assert decode_event(encoded) == event
    assert decode_event(memoryview(encoded)) == event


@given(events)
def test_the_encoding_is_deterministic_cbor(event: Event) -> None:
    encoded = encode_event(event)
    assert encoded == cbor2.dumps(cbor2.loads(encoded), canonical=True)


def test_every_kind_of_event_has_a_reader_and_a_writer() -> None:
    assert set(get_args(Event)) == {*_WRITERS, VersionPut}
    assert len(_READERS) == len(get_args(Event))


@given(st.binary(max_size=200))
def test_noise_is_refused_with_a_declared_error(noise: bytes) -> None:
    with pytest.raises((FormatDamaged, UnknownFormat)):
        decode_event(noise)


@given(events, st.data())
def test_a_changed_event_is_another_event_or_refused(event: Event, data: st.DataObject) -> None:
    encoded = bytearray(encode_event(event))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    with suppress(FormatDamaged, UnknownFormat):
        decode_event(bytes(encoded))


@given(events)
def test_trailing_and_missing_bytes_are_refused(event: Event) -> None:
    encoded = encode_event(event)
    for wrong in (encoded + b"\0", encoded + encoded, encoded[:-1], b""):
        with pytest.raises(FormatDamaged):
            decode_event(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"x": 1},
        {"e": 5},
        {"t": [1]},
        {"t": [1, 1 << 32]},
        {"t": [-1, 1]},
        {"t": [True, 1]},
        {"b": -1},
        {"b": 1 << 63},
        {"b": "7"},
        {"b": 7.0},
        {"b": None},
        {1: 2},
    ],
)
def test_a_wrong_field_is_refused(change: dict[Any, Any]) -> None:
    fields = {**cbor2.loads(encode_event(EVENT)), **change}
    with pytest.raises(FormatDamaged):
        decode_event(cbor2.dumps(fields))


@pytest.mark.parametrize("name", ["b", "t", "e"])
def test_a_missing_field_is_refused(name: str) -> None:
    fields = cbor2.loads(encode_event(EVENT))
    del fields[name]
    with pytest.raises(FormatDamaged):
        decode_event(cbor2.dumps(fields))


def test_a_newer_kind_of_event_is_told_from_damage() -> None:
    with pytest.raises(UnknownFormat, match="newer"):
        decode_event(cbor2.dumps({"e": "teleport", "t": [1, 1]}))


@pytest.mark.parametrize(
    "tagged",
    [
        bytes.fromhex("c24101"),  # bignum
        bytes.fromhex("d82361 61".replace(" ", "")),  # regular expression
        bytes.fromhex("d824634d494d"),  # MIME message
        bytes.fromhex("d81c 80".replace(" ", "")),  # shareable
        bytes.fromhex("d9d9f7 01".replace(" ", "")),  # self-described CBOR
        bytes.fromhex("d9ffff 01".replace(" ", "")),  # unknown
        bytes.fromhex("c11a5e0be100"),  # epoch time
        bytes.fromhex("c48221 19".replace(" ", "") + "6ab3"),  # decimal fraction
    ],
)
def test_a_tag_is_refused_wherever_it_stands(tagged: bytes) -> None:
    for wrong in (tagged, b"\xa1ax" + tagged, b"\xa2aebputak" + tagged, encode_event(EVENT)[:-1] + tagged):
        with pytest.raises(FormatDamaged):
            decode_event(wrong)


def test_depth_and_announced_lengths_are_bounded() -> None:
    for wrong in (b"\x81" * 5000 + b"\x01", b"\xa1aa" * 3000 + b"\x01", b"\x9b" + b"\x7f" * 8, b"\x5b" + b"\x7f" * 8):
        with pytest.raises(FormatDamaged):
            decode_event(wrong)
    for indefinite in (b"\xbf\xff", b"\xbfaeaxff\xff", b"\x9f\xff"):
        with pytest.raises(FormatDamaged):
            decode_event(indefinite)


def test_duplicate_keys_are_refused() -> None:
    with pytest.raises(FormatDamaged):
        decode_event(b"\xa4ab\x07ab\x07aekbucket-goneat\x82\x05\x06")


def test_a_put_carries_the_manifest_that_its_row_keeps() -> None:
    manifest = Manifest(1, "b", "k", HLC(2, 3), VersionKind.OBJECT, False)
    outer = cbor2.loads(encode_event(VersionPut(manifest, b"digest")))
    assert outer["e"] == "put"
    assert outer["d"] == b"digest"
    assert outer["m"] == {"b": 1, "k": "k", "m": 0, "n": "b", "t": [2, 3]}

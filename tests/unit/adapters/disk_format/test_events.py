from __future__ import annotations

from contextlib import suppress
from typing import Any, get_args

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.disk_format.events import _READERS, _WRITERS, decode_event, encode_event
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import Credential
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.errors import FormatDamaged, UnknownFormat
from seglake.domain.model.events import (
    AclSet,
    BucketConfigured,
    BucketDeleted,
    CredentialPut,
    Event,
    LockSet,
    RingKeyPut,
    UserPut,
    VersionPut,
)
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.object_lock import Lock, Retention, RetentionMode
from seglake.domain.model.user import User, UserState
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


PLACE = (HLC(5, 6), 7, "k", HLC(4, 6))
LOCK = Lock(Retention(RetentionMode.COMPLIANCE, 9), True)


def wrongs(event: Event, field: str, *values: Any) -> list[tuple[Event, str, Any]]:
    return [(event, field, value) for value in values]


RULES = BucketConfigured(HLC(5, 6), 7, ConfigKind.CORS, "rules")
MIA = UserPut(HLC(5, 6), User("mia", UserState.DISABLED, 5))
WRAP = RingKeyPut(HLC(5, 6), RingKey("wrap", (b"one",), False, 5))
WRONG_LOCKS: list[Any] = [
    [],
    True,
    {},
    [1],
    [None],
    [True, "COMPLIANCE"],
    [True, "compliance", 9],
    [True, "", 9],
    [True, 5, 9],
    [True, "COMPLIANCE", -1],
    [True, "COMPLIANCE", 1 << 63],
    [True, "COMPLIANCE", 9.0],
    [True, "COMPLIANCE", 9, 9],
    [9, "COMPLIANCE", True],
]
WRONG_RING_KEYS: list[Any] = [
    [],
    {},
    {"c": 5, "n": "wrap", "s": []},
    {"c": 5, "n": "wrap", "s": ["one"]},
    {"c": 5, "n": "wrap", "s": b"one"},
    {"c": 5, "n": "", "s": [b"one"]},
    {"c": 5, "f": False, "n": "wrap", "s": [b"one"]},
    {"c": 5, "n": "wrap", "s": [b"one"], "x": 1},
    {"n": "wrap", "s": [b"one"]},
]
WRONG = [
    *wrongs(LockSet(*PLACE, LOCK), "i", *WRONG_LOCKS),
    *wrongs(AclSet(*PLACE, "grants"), "f", 5, None, b"grants", "x" * 65_537),
    *wrongs(RULES, "k", "torrent", "", 5),
    *wrongs(RULES, "x", 5, b"rules", "x" * (1 << 20 | 1)),
    *wrongs(MIA, "v", "asleep", 1),
    *wrongs(MIA, "n", b"mia", 5),
    *wrongs(MIA, "c", -1, "5"),
    *wrongs(MIA, "x", 1),
    *wrongs(WRAP, "k", *WRONG_RING_KEYS),
]


@pytest.mark.parametrize(("event", "field", "wrong"), WRONG)
def test_a_wrong_value_of_a_lock_acl_config_user_or_ring_key_is_refused(event: Event, field: str, wrong: Any) -> None:
    fields = cbor2.loads(encode_event(event))
    assert decode_event(cbor2.dumps(fields)) == event
    with pytest.raises(FormatDamaged):
        decode_event(cbor2.dumps({**fields, field: wrong}))


@pytest.mark.parametrize("event", [LockSet(*PLACE, LOCK), UserPut(HLC(5, 6), User("mia"))])
def test_every_bit_of_an_event_matters_or_is_refused(event: Event) -> None:
    encoded = encode_event(event)
    for bit in range(len(encoded) * 8):
        changed = bytearray(encoded)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_event(bytes(changed)) != event
        except (FormatDamaged, UnknownFormat):
            continue


def test_a_configuration_text_may_be_long() -> None:
    event = BucketConfigured(HLC(5, 6), 7, ConfigKind.POLICY, "é" * (1 << 20))
    assert decode_event(encode_event(event)) == event


def test_a_key_policy_may_be_a_document() -> None:
    event = CredentialPut(HLC(5, 6), Credential("AKIA", b"sealed", policy='{"Statement":["' + "x" * 20_480 + '"]}'))
    assert decode_event(encode_event(event)) == event


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

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.disk_format.manifests import decode_manifest, encode_manifest, held_in
from seglake.adapters.disk_format.multipart import decode_part, decode_upload, encode_part, encode_upload
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm
from seglake.domain.model.encryption import Encryption, EncryptionKind
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, PartLayout, VersionKind
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.object_lock import Lock, Retention, RetentionMode
from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice
from tests.unit.adapters.disk_format.values import manifests, parts, uploads

CHUNK = ChunkSlice(b"s" * 16, 4096, 1000, b"d" * 32, 10, 90)
FULL = Manifest(
    1,
    "bucket",
    "key",
    HLC(2, 3),
    VersionKind.OBJECT,
    True,
    90,
    "etag",
    5,
    "owner",
    (("content-type", "text/plain"),),
    (("a", "b"),),
    (("t", "u"),),
    Checksum(ChecksumAlgorithm.CRC32, b"1234"),
    (PartLayout(1, 90),),
    (CHUNK,),
    "upload",
    Lock(Retention(RetentionMode.GOVERNANCE, 9), True),
    "grants",
    Encryption(EncryptionKind.KMS, b"wrapped", "mine", 2, bucket_key=True),
)


@given(manifests())
def test_a_manifest_comes_back(manifest: Manifest) -> None:
    encoded = encode_manifest(manifest)
    assert decode_manifest(encoded) == manifest
    assert encoded == cbor2.dumps(cbor2.loads(encoded), canonical=True)


@given(parts())
def test_a_part_comes_back(part: Part) -> None:
    encoded = encode_part(part)
    assert decode_part(encoded) == part
    assert encoded == cbor2.dumps(cbor2.loads(encoded), canonical=True)


@given(uploads)
def test_an_upload_comes_back(upload: Upload) -> None:
    encoded = encode_upload(upload)
    assert decode_upload(encoded) == upload
    assert encoded == cbor2.dumps(cbor2.loads(encoded), canonical=True)


def test_encoding_twice_gives_the_same_bytes_and_another_manifest_others() -> None:
    assert encode_manifest(FULL) == encode_manifest(FULL)
    other = Manifest(1, "bucket", "other", HLC(2, 3), VersionKind.OBJECT, False)
    assert decode_manifest(encode_manifest(other)).key == "other"
    assert decode_manifest(encode_manifest(FULL)) == FULL


def test_every_bit_of_lock_acl_and_encryption_matters_or_is_refused() -> None:
    bare = Manifest(1, "b", "k", HLC(2, 3), VersionKind.OBJECT, False)
    manifest = replace(bare, lock=FULL.lock, acl=FULL.acl, encryption=FULL.encryption)
    encoded = encode_manifest(manifest)
    for bit in range(len(encoded) * 8):
        flipped = bytearray(encoded)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_manifest(bytes(flipped)) != manifest
        except FormatDamaged:
            continue


def test_an_unlocked_plain_private_version_costs_no_bytes() -> None:
    bare = Manifest(1, "b", "k", HLC(2, 3), VersionKind.OBJECT, False)
    assert encode_manifest(replace(bare, lock=Lock(), acl="", encryption=None)) == encode_manifest(bare)
    assert not {"i", "f", "x"} & set(cbor2.loads(encode_manifest(bare)))


def test_the_manifest_of_a_5_gib_object_stays_small() -> None:
    chunks = tuple([ChunkSlice(b"s" * 16, n * 4194392, CHUNK_BYTES, b"d" * 32, 0, CHUNK_BYTES) for n in range(1280)])
    manifest = Manifest(1, "b", "k", HLC(2, 3), VersionKind.OBJECT, False, 5 << 30, "e", chunks=chunks)
    encoded = encode_manifest(manifest)
    assert len(encoded) < 66_000
    assert decode_manifest(encoded) == manifest


def changed(name: str, value: Any) -> bytes:
    fields = cbor2.loads(encode_manifest(FULL))
    if value is ...:
        del fields[name]
    else:
        fields[name] = value
    return cbor2.dumps(fields)


ROW = [0, 4096, 1000, b"d" * 32, 10, 90]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, ...) for name in "bkmntcsz"],
        *[(name, value) for name in "bzm" for value in (-1, 1 << 63, "1", True, None)],
        *[(name, value) for name in "knoew" for value in (b"x", 5, None, "x" * 70_000)],
        *[(name, value) for name in "hug" for value in (["a"], ["a", 1], {"a": "b"}, "ab", [b"a", b"b"])],
        ("k", ""),
        ("k", "x" * 1025),
        ("d", True),
        ("d", False),
        ("l", False),
        ("l", 1),
        ("z", 91),
        ("a", ["CRC32", b"123"]),
        ("a", ["CRC99", b"1234"]),
        ("a", ["CRC32", b"1234", 0]),
        ("a", ["CRC32", b"1234", 10_001]),
        ("a", [b"CRC32", b"1234"]),
        ("a", "CRC32"),
        ("p", [[0, 90]]),
        ("p", [[10_001, 90]]),
        ("p", [[1, 89]]),
        ("p", [[1]]),
        ("p", [1, 90]),
        ("s", []),
        ("s", [b"short"]),
        ("s", ["s" * 16]),
        ("c", [ROW[:3]]),
        ("c", [ROW[:5]]),
        ("c", [{}]),
        ("c", [[1, *ROW[1:]]]),
        ("c", [[-1, *ROW[1:]]]),
        ("c", [[0, -1, *ROW[2:]]]),
        ("c", [[0, 4096, CHUNK_BYTES + 1, b"d" * 32, 0, 90]]),
        ("c", [[0, 4096, 1000, b"d" * 31, 10, 90]]),
        ("c", [[0, 4096, 1000, b"d" * 32, 911, 90]]),
        ("c", [[0, 4096, 1000, b"d" * 32, -1, 90]]),
        ("c", [[0, 4096, 1000, b"d" * 32, 10, -90]]),
        ("c", [[False, 4096, 1000, b"d" * 32, 10, 90]]),
        *[("f", value) for value in (b"x", 5, None, "x" * 70_000)],
        *[("i", value) for value in ([], [1], [True, "GOVERNANCE"], [True, "HALF", 9], [True, "GOVERNANCE", -9], True)],
        *[
            ("x", value)
            for value in (
                1,
                [],
                ["aws:kms"],
                [b"aws:kms", b"wrapped", "mine", 2, True],
                ["aws:fee", b"wrapped", "mine", 2, True],
                ["aws:kms", "wrapped", "mine", 2, True],
                ["aws:kms", b"", "mine", 2, True],
                ["aws:kms", b"wrapped", "", 2, True],
                ["aws:kms", b"wrapped", "mine", -2, True],
                ["aws:kms", b"wrapped", "mine", 2, 1],
                ["aws:kms", b"wrapped", "mine", 2],
                ["aws:kms", b"wrapped", "md5"],
                ["SSE-C", b"wrapped", ""],
                ["SSE-C", b"wrapped", b"md5"],
                ["SSE-C", b"wrapped", "mine", 2, True],
            )
        ],
        ("y", 1),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused(name: str, value: Any) -> None:
    with pytest.raises(FormatDamaged):
        decode_manifest(changed(name, value))


@given(st.binary(max_size=100))
def test_noise_is_refused(noise: bytes) -> None:
    for decode in (decode_manifest, decode_part, decode_upload):
        with pytest.raises(FormatDamaged):
            decode(noise)


def test_a_part_and_an_upload_that_break_a_rule_are_refused() -> None:
    part = Part("u", 1, HLC(1, 1), 90, "e", 5, None, (CHUNK,))
    wrong_part: tuple[tuple[str, Any], ...] = (("i", 0), ("i", 10_001), ("z", 91), ("w", 5), ("x", 1))
    for name, value in wrong_part:
        with pytest.raises(FormatDamaged):
            decode_part(cbor2.dumps({**cbor2.loads(encode_part(part)), name: value}))
    upload = Upload("u", 1, "k", HLC(1, 1))
    wrong_upload: tuple[tuple[str, Any], ...] = (
        ("a", "CRC99"),
        ("y", "HALF"),
        ("d", "x"),
        ("r", 5),
        ("x", 1),
        ("i", []),
        ("f", 5),
    )
    for name, value in wrong_upload:
        with pytest.raises(FormatDamaged):
            decode_upload(cbor2.dumps({**cbor2.loads(encode_upload(upload)), name: value}))


@given(manifests())
def test_what_a_manifest_keeps_alive_is_what_it_says(manifest: Manifest) -> None:
    expected = (manifest.bucket_id, manifest.key, manifest.stamp, [chunk[:3] for chunk in manifest.chunks])
    assert held_in(encode_manifest(manifest)) == expected


@pytest.mark.parametrize("data", [b"", b"\xa0", b"\xa1abx", encode_manifest(FULL)[:-1]])
def test_no_manifest_keeps_nothing_alive_in_silence(data: bytes) -> None:
    with pytest.raises(FormatDamaged):
        held_in(data)

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.disk_format.events import decode_event, encode_event, manifest_of_put
from seglake.adapters.disk_format.manifests import decode_manifest, encode_manifest
from seglake.adapters.disk_format.plain import columns_of, content_sum, plain_put, whole_put
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.events import Event, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.model.version import entry_of
from tests.unit.adapters.disk_format.values import events, manifests


@given(manifests())
def test_columns_are_those_of_the_whole_manifest(manifest: Manifest) -> None:
    entry = entry_of(manifest)
    found = columns_of(encode_manifest(manifest))
    assert found.entry == (
        *(entry.bucket_id, entry.key, *entry.stamp, int(entry.kind), int(entry.null), entry.size, entry.etag),
        *(entry.modified_ms, entry.owner, entry.storage_class, entry.checksum),
    )
    assert found.chunks == [chunk[:4] for chunk in manifest.chunks]


FIELDS = "abcdefghiklmnopstuwxz?"
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 1 << 64),
    st.text(max_size=3),
    st.binary(max_size=40),
    st.lists(st.integers(0, 5) | st.text(max_size=2) | st.binary(max_size=2), max_size=6),
)


@given(manifests(), st.sampled_from(FIELDS), VALUES, st.booleans())
def test_it_is_as_strict_as_reading_the_whole(manifest: Manifest, field: str, value: object, drop: bool) -> None:
    fields = cbor2.loads(encode_manifest(manifest))
    if drop:
        fields.pop(field, None)
    else:
        fields[field] = value
    data = cbor2.dumps(fields)
    try:
        whole = entry_of(decode_manifest(data))
    except FormatDamaged:
        with pytest.raises(FormatDamaged):
            columns_of(data)
    else:
        assert columns_of(data).entry[1] == whole.key


@given(manifests(), st.data())
def test_a_chunk_that_is_wrong_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    fields = cbor2.loads(encode_manifest(manifest))
    if "c" not in fields:
        return
    row = data.draw(st.sampled_from(fields["c"]))
    row[data.draw(st.integers(0, len(row) - 1))] = data.draw(VALUES)
    encoded = cbor2.dumps(fields)
    try:
        whole = decode_manifest(encoded)
    except FormatDamaged:
        with pytest.raises(FormatDamaged):
            columns_of(encoded)
    else:
        assert columns_of(encoded).chunks == [chunk[:4] for chunk in whole.chunks]


@given(events)
def test_plain_puts_are_just_the_puts_that_complete_nothing(event: Event) -> None:
    data = encode_event(event)
    put = plain_put(data)
    if isinstance(event, VersionPut) and not event.parts_digest:
        assert put is not None
        assert whole_put(put) == decode_event(data) == event
        assert (put.stamp, put.manifest) == (event.stamp, encode_manifest(event.manifest))
    else:
        assert put is None


@given(manifests(), st.binary(min_size=32, max_size=32))
def test_the_manifests_bytes_are_found_in_every_put(manifest: Manifest, digest: bytes) -> None:
    encoded = encode_manifest(manifest)
    assert manifest_of_put(encode_event(VersionPut(manifest))) == (encoded, False)
    found, completes = manifest_of_put(encode_event(VersionPut(manifest, digest)))
    assert (found, completes) == (encoded, True) or b"aecputam" in digest
    assert content_sum(encoded) != content_sum(encoded + b"\0")


@pytest.mark.parametrize(("field", "value"), [("z", 91), ("z", 89), ("d", True), ("k", ""), ("b", -1), ("l", False)])
def test_a_manifest_that_contradicts_itself_is_refused(field: str, value: object) -> None:
    chunk = ChunkSlice(b"s" * 16, 4096, 1000, b"d" * 32, 10, 90)
    manifest = Manifest(1, "b", "k", HLC(2, 3), VersionKind.OBJECT, False, 90, "e", chunks=(chunk,))
    fields = cbor2.loads(encode_manifest(manifest))
    columns_of(cbor2.dumps(fields))
    fields[field] = value
    with pytest.raises(FormatDamaged):
        columns_of(cbor2.dumps(fields))

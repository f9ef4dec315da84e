"""What docs/formats says is what the code writes."""

from __future__ import annotations

import re
from pathlib import Path

import cbor2
from hypothesis import given

from seglake.adapters.disk_format import pack
from seglake.adapters.disk_format.events import _READERS, decode_event, encode_event
from seglake.adapters.disk_format.footer import TRAILER_BYTES, TRAILER_MAGIC, Footer, SegmentIndex, encode_footer
from seglake.adapters.disk_format.records import HEADER_BYTES, RECORD_MAGIC, RecordCodec, RecordKind
from seglake.adapters.disk_format.segment import SEGMENT_MAGIC, SegmentHeader, encode_segment_header
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.encryption import EncryptionKind
from seglake.domain.model.events import Event, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.object_lock import RetentionMode
from seglake.domain.model.user import UserState
from tests.unit.adapters.disk_format.values import events

FORMATS = Path(__file__).resolve().parents[4] / "docs" / "formats"
SEGMENT = (FORMATS / "segment.md").read_text()
CDDL = (FORMATS / "events.md").read_text().split("```cddl\n", 1)[1].split("```", 1)[0]
RULES: dict[str, str] = dict(re.findall(r"^([a-z-]+) += (.*?)(?=^[a-z-]+ +=|\Z)", CDDL, re.MULTILINE | re.DOTALL))
NESTED = {"put": ("m", "manifest"), "upload": ("u", "upload"), "part": ("p", "part"), "ring-key": ("k", "ring")}
Field = tuple[int, int]


def table(heading: str) -> dict[str, Field]:
    """{field: (offset, bytes)} of the table below a heading."""
    section = SEGMENT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (.+) \|$", section, re.MULTILINE)
    return {text.split(",")[0].split(":")[0]: (int(offset), int(size)) for offset, size, text in rows}


def field(data: bytes, place: Field) -> bytes:
    return data[place[0] : place[0] + place[1]]


def number(data: bytes, place: Field) -> int:
    return int.from_bytes(field(data, place), "little")


def test_the_segment_header_is_as_documented() -> None:
    header = SegmentHeader(b"i" * 16, b"k" * 32, b"w" * 16, 1234)
    data, fields = encode_segment_header(header), table("Header region")
    assert field(data, fields["segment id"]) == header.segment
    assert field(data, fields["record key"]) == header.key
    assert field(data, fields["writer id"]) == header.writer
    assert number(data, fields["created"]) == 1234
    assert number(data, fields["format version"]) == 1
    assert number(data, fields["size of the header region"]) == len(data) == 4096


def test_a_record_is_as_documented() -> None:
    data = RecordCodec(b"i" * 16, b"k" * 32).header(RecordKind.EVENT, 5, 6000, 700, b"d" * 32)
    fields = table("Record")
    assert number(data, fields["kind"]) == 2
    assert number(data, fields["payload length"]) == 700
    assert number(data, fields["sequence"]) == 5
    assert number(data, fields["offset of this header in this file"]) == 6000
    assert field(data, fields["segment id"]) == b"i" * 16
    assert field(data, fields["BLAKE3 of the payload"]) == b"d" * 32
    assert f"| {HEADER_BYTES} | n | payload |" in SEGMENT


def test_a_footer_is_as_documented() -> None:
    index = SegmentIndex()
    index.add_chunk(b"d" * 32, 4184, 10)
    index.add_event(5000, 20)
    index.add_event(6000, 30)
    data = encode_footer(Footer(index, 7000, 8, 9))
    counts = [int.from_bytes(data[at : at + size], "little") for at, size in ((0, 4), (4, 4), (8, 8), (16, 8))]
    assert counts == [1, 2, 10, 50]
    assert [int.from_bytes(data[at : at + 8], "little") for at in (24, 32, 40)] == [7000, 8, 9]
    assert len(data) == 48 + 44 + 2 * 12
    assert f"The last {TRAILER_BYTES} bytes" in SEGMENT


def test_magic_numbers_and_sizes_are_as_documented() -> None:
    for magic in (SEGMENT_MAGIC, RECORD_MAGIC, TRAILER_MAGIC):
        assert f"`{magic.hex(' ').upper()}`" in SEGMENT
    text = (FORMATS / "manifest-pack.md").read_text()
    assert f"({pack._HEAD_BYTES} and {pack._TAIL_BYTES} bytes)" in text


def keys_of(rule: str) -> tuple[set[str], set[str]]:
    """(all keys, those that may be missing) of a rule of the CDDL."""
    text = re.sub(r";.*", "", RULES[rule])
    grouped = {key for group in re.findall(r"\? \(([^)]*)\)", text) for key in re.findall(r'"([a-z])":', group)}
    return set(re.findall(r'"([a-z])":', text)), grouped | set(re.findall(r'\? "([a-z])":', text))


def rule_of(kind: str) -> str:
    (rule,) = [rule for rule, text in RULES.items() if f'"e": "{kind}"' in text]
    return rule


def test_every_kind_of_event_has_a_rule() -> None:
    named = {rule.strip() for rule in RULES["event"].replace("\n", " ").split("/")}
    assert {rule_of(kind) for kind in _READERS} == named


@given(events)
def test_an_event_has_the_fields_of_its_rule(event: Event) -> None:
    fields = cbor2.loads(encode_event(event))
    kind = fields["e"]
    maps = [(rule_of(kind), fields)]
    if kind in NESTED:
        name, rule = NESTED[kind]
        maps.append((rule, fields[name]))
    for rule, found in maps:
        known, optional = keys_of(rule)
        assert known - optional <= found.keys() <= known, rule


def test_the_words_of_the_rules_are_those_of_the_model() -> None:
    for rule, words in (("config-kind", ConfigKind), ("lock", RetentionMode), ("encryption", EncryptionKind)):
        assert set(re.findall(r'"([A-Za-z0-9:-]+)"', RULES[rule])) == {word.value for word in words}, rule
    for state in UserState:
        assert f'"{state.value}"' in RULES["user"]


def test_the_example_event_is_what_is_written() -> None:
    text = (FORMATS / "events.md").read_text()
    example = text.split("## Example\n", 1)[1].split("```", 2)[1]
    data = bytes.fromhex("".join([line.split("#")[0] for line in example.splitlines()]))
    event = VersionPut(Manifest(1, "b", "k", HLC(2, 3), VersionKind.OBJECT, False))
    assert encode_event(event) == data
    assert decode_event(data) == event

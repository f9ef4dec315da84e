"""Forms are read whole, one byte at a time and in any pieces alike; what is not a form ends in one clear refusal."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.form_data import FIELDS_BYTES_MAX, FormParser, boundary_of

BOUNDARY = b"XX-boundary"
DELIMITER = b"\r\n--" + BOUNDARY

Read = tuple[dict[str, str], str, bytes]


def part(disposition: str, content: bytes, *more: str) -> bytes:
    head = "\r\n".join((f"Content-Disposition: {disposition}", *more))
    return b"--" + BOUNDARY + b"\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


def named(name: str, content: bytes) -> bytes:
    return part(f'form-data; name="{name}"', content)


def file(content: bytes, name: str = "a.txt") -> bytes:
    return part(f'form-data; name="file"; filename="{name}"', content, "Content-Type: text/plain")


END = b"--" + BOUNDARY + b"--\r\n"


def read(pieces: Iterable[bytes]) -> Read:
    parser = FormParser(BOUNDARY)
    content = b"".join([bytes(piece) for data in pieces for piece in parser.feed(data)])
    parser.finish()
    return parser.fields, parser.file_name, content


def refusal(data: bytes) -> ErrorCode:
    """The refusal of these bytes, which must be the same whole and byte by byte."""
    codes = []
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        with pytest.raises(S3Error) as refused:
            read(pieces)
        codes.append(refused.value.code)
    assert codes[0] is codes[1]
    return codes[0]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` cut at these places, with empty pieces where two are the same."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


_NEARLY = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"\r\n", b"\r\n--", DELIMITER[:-1], b"--" + BOUNDARY, b"x", b"\0\xff"]),
    max_size=12,
).map(b"".join)


@given(
    fields=st.dictionaries(st.sampled_from(["key", "a", "x-amz-meta-b"]), st.text(max_size=20), max_size=3),
    content=_NEARLY.filter(lambda data: DELIMITER not in b"\r\n" + data + b"\r\n"),
    places=st.lists(st.integers(0, 2000), max_size=8),
    preamble=st.sampled_from([b"", b"\r\n", b"ignored\r\n"]),
    epilogue=st.sampled_from([b"", b"ignored"]),
)
def test_a_form_is_the_same_in_any_pieces(
    fields: dict[str, str], content: bytes, places: list[int], preamble: bytes, epilogue: bytes
) -> None:
    body = b"".join([named(name, value.encode()) for name, value in fields.items()]) + file(content)
    data = preamble + body + named("submit", b"go") + END + epilogue
    if any(DELIMITER in value.encode() for value in fields.values()):
        return
    expected = (fields, "a.txt", content)
    assert read([data]) == expected
    assert read(data[at : at + 1] for at in range(len(data))) == expected
    assert read(cut(data, places)) == expected


@given(
    data=st.lists(
        st.sampled_from([file(b"a"), named("k", b"v"), END, b"--" + BOUNDARY, b"\r\n", b"-", b"x", b'"', b":"]),
        max_size=8,
    ).map(b"".join)
)
def test_garbage_is_a_form_or_a_refusal_in_any_pieces(data: bytes) -> None:
    def outcome(pieces: list[bytes]) -> Read | ErrorCode:
        try:
            return read(pieces)
        except S3Error as refused:
            return refused.code

    whole = outcome([data])
    assert outcome([data[at : at + 1] for at in range(len(data))]) == whole
    assert outcome(cut(data, [len(data) // 3, len(data) // 2])) == whole


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_refusal(data: bytes) -> None:
    with pytest.raises(S3Error):
        read([data])
    with pytest.raises(S3Error):
        read([b"--" + BOUNDARY + b"\r\n" + data])


def test_bytes_of_the_file_are_never_held_longer_than_a_delimiter() -> None:
    parser = FormParser(BOUNDARY)
    parser.feed(named("key", b"k") + file(b"")[:-2])
    given_out = 0
    for number in range(1, 200):
        given_out += sum(len(piece) for piece in parser.feed(b"\r\n--XX\r" * 3))
        assert number * 21 - given_out < len(DELIMITER)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="file"; filename="photo.jpg"', "photo.jpg"),
        ("form-data; name=file; filename=photo.jpg", "photo.jpg"),
        ('FORM-DATA ;NAME = "file" ; FileName="photo.jpg";', "photo.jpg"),
        (r'form-data; name="file"; filename="C:\Program Files\a\photo.jpg"', "photo.jpg"),
        ('form-data; name="file"; filename="/srv/betty/photo.jpg"', "photo.jpg"),
        ('form-data; name="file"; filename="dir/"', ""),
        ('form-data; name="file"; filename="a%22b.jpg"', 'a"b.jpg'),
        (r'form-data; name="file"; filename="a\"b;c=d.jpg"', 'a"b;c=d.jpg'),
        ('form-data; name="file"; filename="ü 1.jpg"', "ü 1.jpg"),
        ("form-data; name=\"file\"; filename*=utf-8''%C3%BC%201.jpg", "ü 1.jpg"),
        ('form-data; name="file"', ""),
        ('form-data; name="FILE"; filename=""', ""),
    ],
)
def test_the_name_of_the_file_is_its_last_segment(disposition: str, name: str) -> None:
    assert read([part(disposition, b"content") + END]) == ({}, name, b"content")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        END,
        named("key", b"k"),
        file(b"content"),
        file(b"content") + END[:-4],
        file(b"content")[:-2] + b"\r\n--" + BOUNDARY + b"x\r\n",
        b"--" + BOUNDARY + b"X\r\n" + file(b"content") + END,
        b"--" + BOUNDARY + b"\r\n\r\n\r\ncontent\r\n" + END,
        part("form-data", b"v") + END,
        part('form-data; name=""', b"v") + END,
        part('attachment; name="a"', b"v") + END,
        part('form-data; name="a"; name="b"', b"v") + END,
        part('form-data; name="a', b"v") + END,
        part('form-data; name="a" b', b"v") + END,
        part('form-data; name="a"', b"v", "Content-Disposition: form-data") + END,
        part('form-data; name="a"', b"v", "no colon") + END,
        part('form-data; name="a"', b"v", "X-A: 1", " folded: 2") + END,
        part('form-data; name="a"', b"v", "Content-Transfer-Encoding: base64") + END,
        part("form-data; name=\"file\"; filename*=latin-1''a", b"v") + END,
        part("form-data; name=\"file\"; filename*=utf-8''%ff", b"v") + END,
        named("a", b"\xff") + END,
        file(b"a") + named("x", b"y" * FIELDS_BYTES_MAX) + END,
        file(b"a") + END + b"x" * (FIELDS_BYTES_MAX + 1),
    ],
)
def test_what_is_not_a_form_is_malformed(data: bytes) -> None:
    expected = ErrorCode.InvalidArgument if data == END else ErrorCode.MalformedPOSTRequest
    assert refusal(data) is expected


def test_padding_behind_a_boundary_is_transport() -> None:
    data = (named("a", b"1") + file(b"2") + END).replace(BOUNDARY + b"\r\n", BOUNDARY + b" \t \r\n")
    assert read([data]) == ({"a": "1"}, "a.txt", b"2")


@pytest.mark.parametrize(
    "data",
    [
        named("a", b"1") + named("A", b"2") + file(b"") + END,
        file(b"1") + file(b"2") + END,
        file(b"1") + named("key", b"k") + END,
        file(b"1") + named("X-Amz-Anything", b"k") + END,
        file(b"1") + named("Content-Type", b"k") + END,
    ],
)
def test_repeated_and_late_fields_are_refused(data: bytes) -> None:
    assert refusal(data) is ErrorCode.InvalidArgument


def test_fields_are_bounded_but_files_are_not() -> None:
    size = FIELDS_BYTES_MAX - len(named("a", b"")) - len(file(b"")) + 2
    assert read([named("a", b"x" * size) + file(b"y" * 100_000) + END])[2] == b"y" * 100_000
    assert refusal(named("a", b"x" * (size + 1)) + file(b"") + END) is ErrorCode.MaxPostPreDataLengthExceeded
    assert refusal(b"x" * (FIELDS_BYTES_MAX + 100)) is ErrorCode.MaxPostPreDataLengthExceeded
    assert refusal(b"--" + BOUNDARY + b" " * FIELDS_BYTES_MAX) is ErrorCode.MaxPostPreDataLengthExceeded


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data;charset=utf-8; BOUNDARY="a b\'()+_,-./:=?c"', b"a b'()+_,-./:=?c"),
        ("multipart/form-data; boundary=" + "a" * 70, b"a" * 70),
    ],
)
def test_the_boundary_is_read(text: str, boundary: bytes) -> None:
    assert boundary_of(text) == boundary


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ErrorCode.PreconditionFailed),
        ("multipart/mixed; boundary=a", ErrorCode.PreconditionFailed),
        ("multipart/form-data", ErrorCode.MalformedPOSTRequest),
        ("multipart/form-data; boundary=", ErrorCode.MalformedPOSTRequest),
        ("multipart/form-data; boundary=" + "a" * 71, ErrorCode.MalformedPOSTRequest),
        ('multipart/form-data; boundary="a "', ErrorCode.MalformedPOSTRequest),
        ("multipart/form-data; boundary=a; boundary=b", ErrorCode.MalformedPOSTRequest),
        ("multipart/form-data; boundary=ä", ErrorCode.MalformedPOSTRequest),
    ],
)
def test_a_content_type_without_a_boundary_is_refused(text: str, code: ErrorCode) -> None:
    with pytest.raises(S3Error) as refused:
        boundary_of(text)
    assert refused.value.code is code

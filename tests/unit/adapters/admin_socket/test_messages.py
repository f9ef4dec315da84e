"""Bodies are read within bounds, and every failure that an operation can meet has a status of its own."""

from __future__ import annotations

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.admin_socket.messages import (
    BODY_BYTES_MAX,
    DEPTH_MAX,
    CallRefused,
    answer_text,
    failure_of,
    failure_text,
    read_object,
)
from seglake.domain.model import admin_errors
from seglake.domain.model.errors import MetadataDamaged, NoSuchBucket, SeglakeError, StorageFull, StoreFailed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b'{"a":1}x',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'\xff{"a":1}',
        b'{"a":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_bounded_object_is_refused(body: bytes) -> None:
    with pytest.raises(CallRefused) as refused:
        read_object(body)
    assert failure_of(refused.value) == ("MalformedRequest", 400)


def test_a_large_body_is_refused_by_its_size() -> None:
    largest = b'{"a":"' + b"x" * (BODY_BYTES_MAX - 8) + b'"}'
    assert len(read_object(largest)["a"]) == BODY_BYTES_MAX - 8
    with pytest.raises(CallRefused) as refused:
        read_object(largest + b" ")
    assert failure_of(refused.value) == ("RequestTooLarge", 413)


def test_brackets_in_texts_are_no_depth() -> None:
    assert read_object(json.dumps({"a": '["{' * 100}).encode()) == {"a": '["{' * 100}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_what_json_writes_is_read_back(document: dict[str, object]) -> None:
    assert read_object(json.dumps(document).encode("utf-8")) == document


def test_every_error_of_administration_has_a_status_of_the_callers_fault() -> None:
    classes = [one for _, one in inspect.getmembers(admin_errors, inspect.isclass)]
    named = [one for one in classes if issubclass(one, SeglakeError) and one is not SeglakeError]
    assert len(named) >= 9
    for one in named:
        assert 400 <= failure_of(one.__new__(one))[1] < 500, one


def test_failures_have_the_name_of_their_type() -> None:
    assert failure_of(NoSuchBucket("b")) == ("NoSuchBucket", 404)
    assert failure_of(StorageFull("full")) == ("StorageFull", 507)
    assert failure_of(StoreFailed("broken")) == ("StoreFailed", 500)
    assert failure_of(MetadataDamaged("broken")) == ("MetadataDamaged", 500)


def test_answers_are_json_whatever_is_in_them() -> None:
    assert json.loads(answer_text({"a": "ü\n"})) == {"result": {"a": "ü\n"}}
    assert json.loads(failure_text("Code", "lone \ud800")) == {"error": {"code": "Code", "message": "lone ?"}}

from __future__ import annotations

import pytest

from seglake.domain.model.conditions import ReadConditions, WriteConditions
from seglake.domain.model.errors import NoSuchKey, NotModified, PreconditionFailed

MODIFIED_MS = 1_000_500
MODIFIED_S = 1_000
CURRENT = ("etag", MODIFIED_MS, 7)


@pytest.mark.parametrize(
    "conditions",
    [
        ReadConditions(),
        ReadConditions(if_match=("etag",)),
        ReadConditions(if_match=("other", "etag")),
        ReadConditions(if_match=("*",)),
        ReadConditions(if_none_match=("other",)),
        ReadConditions(if_modified_since=MODIFIED_S - 1),
        ReadConditions(if_unmodified_since=MODIFIED_S),
        # RFC 9110 13.2.2: If-Match decides, If-Unmodified-Since is not looked at; likewise the other pair.
        ReadConditions(if_match=("etag",), if_unmodified_since=MODIFIED_S - 1),
        ReadConditions(if_none_match=("other",), if_modified_since=MODIFIED_S),
    ],
)
def test_reads_that_may_go_on(conditions: ReadConditions) -> None:
    conditions.check("etag", MODIFIED_MS)


@pytest.mark.parametrize(
    "conditions",
    [
        ReadConditions(if_match=("other",)),
        ReadConditions(if_unmodified_since=MODIFIED_S - 1),
        ReadConditions(if_match=("other",), if_none_match=("etag",)),
        ReadConditions(if_match=("other",), if_unmodified_since=MODIFIED_S),
    ],
)
def test_reads_whose_precondition_fails(conditions: ReadConditions) -> None:
    with pytest.raises(PreconditionFailed):
        conditions.check("etag", MODIFIED_MS)


@pytest.mark.parametrize(
    "conditions",
    [
        ReadConditions(if_none_match=("etag",)),
        ReadConditions(if_none_match=("*",)),
        ReadConditions(if_modified_since=MODIFIED_S),
        ReadConditions(if_match=("etag",), if_none_match=("etag",)),
    ],
)
def test_reads_of_what_the_client_has(conditions: ReadConditions) -> None:
    with pytest.raises(NotModified):
        conditions.check("etag", MODIFIED_MS)
    with pytest.raises(PreconditionFailed):
        conditions.check_copy_source("etag", MODIFIED_MS)


@pytest.mark.parametrize(
    ("conditions", "current"),
    [
        (WriteConditions(), None),
        (WriteConditions(), CURRENT),
        (WriteConditions(if_none_match=True), None),
        (WriteConditions(if_match="etag"), CURRENT),
        (WriteConditions(if_match="*"), CURRENT),
        (WriteConditions(if_modified=MODIFIED_S, if_size=7), CURRENT),
    ],
)
def test_writes_that_may_go_on(conditions: WriteConditions, current: tuple[str, int, int] | None) -> None:
    conditions.check("key", current)


@pytest.mark.parametrize(
    "conditions",
    [
        WriteConditions(if_none_match=True),
        WriteConditions(if_match="other"),
        WriteConditions(if_modified=MODIFIED_S + 1),
        WriteConditions(if_size=8),
        WriteConditions(if_match="etag", if_size=8),
    ],
)
def test_writes_whose_condition_fails(conditions: WriteConditions) -> None:
    with pytest.raises(PreconditionFailed):
        conditions.check("key", CURRENT)


@pytest.mark.parametrize(
    "conditions",
    [
        WriteConditions(if_match="etag"),
        WriteConditions(if_match="*"),
        WriteConditions(if_modified=1),
        WriteConditions(if_size=0),
    ],
)
def test_a_condition_on_an_object_that_is_not_there(conditions: WriteConditions) -> None:
    with pytest.raises(NoSuchKey):
        conditions.check("key", None)

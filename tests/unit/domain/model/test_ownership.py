from __future__ import annotations

import itertools

import pytest

from seglake.domain.model.bucket_config import NO_CONFIGS, ConfigKind
from seglake.domain.model.ownership import (
    ALL_BLOCKED,
    NOTHING_BLOCKED,
    REMOVED,
    ObjectOwnership,
    PublicAccessBlock,
    ownership_of,
    ownership_text,
    parse_ownership,
    parse_public_access,
    public_access_of,
)


@pytest.mark.parametrize("switches", list(itertools.product((False, True), repeat=4)))
def test_a_public_access_block_is_read_as_it_was_written(switches: tuple[bool, bool, bool, bool]) -> None:
    block = PublicAccessBlock(*switches)
    assert parse_public_access(block.to_text()) == block


def test_texts_are_those_on_disk() -> None:
    text = '{"block_acls":true,"block_policy":false,"ignore_acls":false,"restrict_buckets":true}'
    assert PublicAccessBlock(block_acls=True, restrict_buckets=True).to_text() == text
    assert ownership_text(ObjectOwnership.OBJECT_WRITER) == '{"object_ownership":"ObjectWriter"}'


def test_a_bucket_that_was_never_asked_has_the_default_block() -> None:
    for default in (ALL_BLOCKED, NOTHING_BLOCKED):
        assert public_access_of(NO_CONFIGS, default=default) is default


def test_a_removed_block_blocks_nothing_whatever_the_default() -> None:
    assert public_access_of({ConfigKind.PUBLIC_ACCESS: REMOVED}, default=ALL_BLOCKED) == NOTHING_BLOCKED
    assert NOTHING_BLOCKED.to_text() != REMOVED


@pytest.mark.parametrize("ownership", ObjectOwnership)
def test_ownership_is_read_as_it_was_written(ownership: ObjectOwnership) -> None:
    assert ownership_of({ConfigKind.OWNERSHIP: ownership_text(ownership)}) is ownership


def test_the_bucket_owner_is_enforced_by_default_and_controls_can_be_removed() -> None:
    assert ownership_of(NO_CONFIGS) is ObjectOwnership.BUCKET_OWNER_ENFORCED
    assert parse_ownership(REMOVED) is ObjectOwnership.OBJECT_WRITER

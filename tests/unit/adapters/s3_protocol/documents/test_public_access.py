from __future__ import annotations

import itertools

import pytest

from seglake.adapters.s3_protocol.documents.public_access import parse_public_access, render_public_access
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.ownership import NOTHING_BLOCKED, PublicAccessBlock


@pytest.mark.parametrize("switches", list(itertools.product((False, True), repeat=4)))
def test_a_block_is_read_as_it_is_written(switches: tuple[bool, bool, bool, bool]) -> None:
    block = PublicAccessBlock(*switches)
    assert parse_public_access(render_public_access(block)) == block


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("BlockPublicAcls", "block_acls"),
        ("IgnorePublicAcls", "ignore_acls"),
        ("BlockPublicPolicy", "block_policy"),
        ("RestrictPublicBuckets", "restrict_buckets"),
    ],
)
def test_each_switch_has_its_name_and_is_off_when_left_out(name: str, field: str) -> None:
    for text in ("true", "TRUE", "True"):
        body = f"<PublicAccessBlockConfiguration><{name}>{text}</{name}></PublicAccessBlockConfiguration>"
        assert parse_public_access(body.encode()) == PublicAccessBlock(**{field: True})


def test_an_empty_block_blocks_nothing() -> None:
    assert parse_public_access(b"<PublicAccessBlockConfiguration/>") == NOTHING_BLOCKED


@pytest.mark.parametrize("inner", ["<BlockPublicAcls>yes</BlockPublicAcls>", "<BlockPublicAcls/>", "<BlockAll/>"])
def test_what_is_no_switch_is_malformed(inner: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_public_access(f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>".encode())
    assert caught.value.code is ErrorCode.MalformedXML

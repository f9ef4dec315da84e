from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.documents.ownership import parse_ownership, render_ownership, requested_ownership
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.ownership import ObjectOwnership


@pytest.mark.parametrize("ownership", ObjectOwnership)
def test_controls_are_read_as_they_are_written(ownership: ObjectOwnership) -> None:
    assert parse_ownership(render_ownership(ownership)) is ownership
    assert requested_ownership(ownership.value) is ownership


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<Rule></Rule>",
        "<Rule><ObjectOwnership></ObjectOwnership></Rule>",
        "<Rule><ObjectOwnership>Mine</ObjectOwnership></Rule>",
        "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>" * 2,
        "<Other/>",
    ],
)
def test_anything_but_one_rule_is_malformed(inner: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_ownership(f"<OwnershipControls>{inner}</OwnershipControls>".encode())
    assert caught.value.code is ErrorCode.MalformedXML


def test_an_unknown_header_value_is_refused() -> None:
    with pytest.raises(S3Error) as caught:
        requested_ownership("objectwriter")
    assert caught.value.code is ErrorCode.InvalidArgument

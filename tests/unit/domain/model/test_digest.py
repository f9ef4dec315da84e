from __future__ import annotations

import base64

import pytest

from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType, multipart_type
from seglake.domain.model.errors import InvalidRequest

FULL, COMPOSITE = ChecksumType.FULL_OBJECT, ChecksumType.COMPOSITE


@pytest.mark.parametrize(
    ("algorithm", "asked", "kind"),
    [
        (ChecksumAlgorithm.CRC64NVME, None, FULL),
        (ChecksumAlgorithm.CRC64NVME, FULL, FULL),
        (ChecksumAlgorithm.CRC32, None, COMPOSITE),
        (ChecksumAlgorithm.CRC32, FULL, FULL),
        (ChecksumAlgorithm.CRC32C, COMPOSITE, COMPOSITE),
        (ChecksumAlgorithm.SHA256, None, COMPOSITE),
        (ChecksumAlgorithm.SHA1, COMPOSITE, COMPOSITE),
    ],
)
def test_the_checksum_type_of_an_upload(algorithm: ChecksumAlgorithm, asked: ChecksumType, kind: ChecksumType) -> None:
    assert multipart_type(algorithm, asked) is kind


@pytest.mark.parametrize(
    ("algorithm", "asked"),
    [(ChecksumAlgorithm.CRC64NVME, COMPOSITE), (ChecksumAlgorithm.SHA256, FULL), (ChecksumAlgorithm.SHA1, FULL)],
)
def test_impossible_checksum_types_are_refused(algorithm: ChecksumAlgorithm, asked: ChecksumType) -> None:
    with pytest.raises(InvalidRequest):
        multipart_type(algorithm, asked)


def test_a_composite_shows_its_number_of_parts() -> None:
    encoded = base64.b64encode(bytes(4)).decode()
    assert Checksum(ChecksumAlgorithm.CRC32, bytes(4)).text == encoded
    assert Checksum(ChecksumAlgorithm.CRC32, bytes(4), COMPOSITE, 3).text == f"{encoded}-3"


def test_a_digest_of_another_length_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        Checksum(ChecksumAlgorithm.CRC32, bytes(5))

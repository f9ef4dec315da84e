"""Digests that a client sends are read strictly and must not contradict each other."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol import checksums
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.payload import EMPTY_SHA256, UNSIGNED_PAYLOAD, PayloadMode
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType, Expectations
from tests.unit.adapters.s3_protocol.wire import attempt

CRC32 = ChecksumAlgorithm.CRC32
TRAILING = PayloadMode.STREAMING_UNSIGNED_TRAILER


def expect(headers: dict[str, str], mode: PayloadMode = PayloadMode.UNSIGNED) -> Expectations:
    return checksums.expectations(headers, mode=mode, payload=UNSIGNED_PAYLOAD)


def encoded(algorithm: ChecksumAlgorithm) -> str:
    return base64.b64encode(bytes(range(algorithm.size))).decode()


def test_nothing_is_expected_of_a_bare_body() -> None:
    assert expect({}) == Expectations()


def test_a_signed_hash_is_expected() -> None:
    got = checksums.expectations({}, mode=PayloadMode.SIGNED, payload=EMPTY_SHA256)
    assert got == Expectations(sha256=bytes.fromhex(EMPTY_SHA256))


@pytest.mark.parametrize("algorithm", list(ChecksumAlgorithm))
def test_each_algorithm_as_header_and_as_trailer(algorithm: ChecksumAlgorithm) -> None:
    name = f"x-amz-checksum-{algorithm.value.lower()}"
    checksum = Checksum(algorithm, bytes(range(algorithm.size)))
    sdk = {"x-amz-sdk-checksum-algorithm": algorithm.value}
    assert expect({name: encoded(algorithm), **sdk}) == Expectations(checksum=checksum, algorithm=algorithm)
    assert expect({"x-amz-trailer": name, **sdk}, TRAILING) == Expectations(algorithm=algorithm)
    assert checksums.from_trailers({name: encoded(algorithm)}) == checksum
    assert checksums.response_headers(checksum) == ((name, encoded(algorithm)), ("x-amz-checksum-type", "FULL_OBJECT"))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "x"},
        {"x-amz-checksum-crc32": "", "x-amz-checksum-crc32c": ""},
        {"x-amz-checksum-crc32": ""},
        {"x-amz-checksum-crc32": "AAAAAA="},
        {"x-amz-checksum-crc32": "AAAAAAA="},
        {"x-amz-checksum-crc32": "AAAAAB=="},
        {"x-amz-checksum-crc32": "AAAA-A=="},
        {"x-amz-checksum-crc32": "AAAAAA==\n"},
        {"x-amz-checksum-crc32": "AAAAAAAAAAA="},
        {"x-amz-sdk-checksum-algorithm": "CRC32"},
        {"x-amz-sdk-checksum-algorithm": "CRC32C", "x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-sdk-checksum-algorithm": "MD4", "x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-checksum-type": "COMPOSITE", "x-amz-checksum-crc32": "AAAAAA=="},
        {"x-amz-trailer": "x-amz-checksum-crc32"},
    ],
)
def test_contradictions_and_broken_values_are_refused(headers: dict[str, str]) -> None:
    got = attempt(lambda: expect(headers))
    assert isinstance(got, S3Error)
    assert got.code is ErrorCode.InvalidRequest


@pytest.mark.parametrize(
    "trailer", ["x-amz-meta-a", "x-amz-checksum-crc32,x-amz-checksum-sha1", "x-amz-checksum-md5", "content-md5"]
)
def test_only_one_known_checksum_may_trail(trailer: str) -> None:
    with pytest.raises(S3Error) as caught:
        expect({"x-amz-trailer": trailer}, TRAILING)
    assert caught.value.code is ErrorCode.InvalidRequest


def test_a_checksum_comes_in_one_place() -> None:
    with pytest.raises(S3Error) as caught:
        expect({"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-checksum-crc32": "AAAAAA=="}, TRAILING)
    assert caught.value.code is ErrorCode.InvalidRequest


def test_sdks_write_algorithms_in_either_case() -> None:
    assert expect({"x-amz-sdk-checksum-algorithm": "crc32", "x-amz-checksum-crc32": "AAAAAA=="}).algorithm is CRC32


def test_content_md5() -> None:
    assert checksums.content_md5({"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}) == bytes.fromhex(
        "d41d8cd98f00b204e9800998ecf8427e"
    )
    for value in ("", "x", "1B2M2Y8AsgTpgAmY7PhCfg", "1B2M2Y8AsgTpgAmY7PhCfh==", "d41d8cd98f00b204e9800998ecf8427e"):
        with pytest.raises(S3Error) as caught:
            checksums.content_md5({"content-md5": value})
        assert caught.value.code is ErrorCode.InvalidDigest


def test_the_checksum_of_a_completed_upload() -> None:
    assert checksums.object_checksum({}) is None
    whole = checksums.object_checksum({"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "FULL_OBJECT"})
    assert whole == Checksum(CRC32, bytes(4))
    composite = checksums.object_checksum({"x-amz-checksum-crc32": "AAAAAA==-3"})
    assert composite == Checksum(CRC32, bytes(4), ChecksumType.COMPOSITE, 3)
    assert composite.text == "AAAAAA==-3"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": "AAAAAA==-0"},
        {"x-amz-checksum-crc32": "AAAAAA==-10001"},
        {"x-amz-checksum-crc32": "AAAAAA==-٣"},
        {"x-amz-checksum-crc32": "AAAAAA==-"},
        {"x-amz-checksum-crc32": "AAAAAA==-3", "x-amz-checksum-type": "FULL_OBJECT"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-type": "full_object"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "x"},
    ],
)
def test_a_broken_checksum_of_a_completed_upload_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(S3Error) as caught:
        checksums.object_checksum(headers)
    assert caught.value.code is ErrorCode.InvalidRequest


def test_requested_algorithms() -> None:
    assert checksums.requested_algorithm({}) is None
    assert checksums.requested_algorithm({"x-amz-checksum-algorithm": "CRC64NVME"}) is ChecksumAlgorithm.CRC64NVME
    with pytest.raises(S3Error):
        checksums.requested_algorithm({"x-amz-checksum-algorithm": "XXHASH3"})
    assert checksums.checksum_type({"x-amz-checksum-type": "COMPOSITE"}) is ChecksumType.COMPOSITE


@given(st.text(max_size=40), st.sampled_from(list(ChecksumAlgorithm)))
def test_noise_is_a_checksum_or_a_declared_error(text: str, algorithm: ChecksumAlgorithm) -> None:
    got = attempt(lambda: checksums.header_checksum({checksums.HEADERS[algorithm]: text}))
    assert isinstance(got, S3Error) or (got is not None and got.text == text)

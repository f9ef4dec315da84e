"""The contract of Digests: subclass DigestsContract and give it ``digests``. The values are published ones."""

from __future__ import annotations

from itertools import pairwise

import pytest

from seglake.domain.model.digest import ChecksumAlgorithm
from seglake.domain.model.errors import InvalidArgument
from seglake.domain.ports.digests import Digests, Hasher

CHECK = b"123456789"
"""The input whose digests the CRC catalogues print."""
KNOWN = {
    ChecksumAlgorithm.CRC32: "cbf43926",
    ChecksumAlgorithm.CRC32C: "e3069283",
    ChecksumAlgorithm.CRC64NVME: "ae8b14860a799888",
    ChecksumAlgorithm.SHA1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    ChecksumAlgorithm.SHA256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
}
EMPTY_BLAKE3 = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
MD5 = "25f9e794323b453885f5181f1b624d0b"
BIG = bytes(range(256)) * 5000


def fed(hasher: Hasher, *pieces: bytes | bytearray | memoryview) -> str:
    """The digest of the pieces, in hex."""
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest().hex()


class DigestsContract:
    """Known values, pieces of any kind, and CRCs put together."""

    @pytest.fixture
    def digests(self) -> Digests:
        """Override: the digests to prove."""
        raise NotImplementedError

    def test_content_is_blake3(self, digests: Digests) -> None:
        assert digests.content(b"").hex() == EMPTY_BLAKE3
        assert digests.content(BIG) == digests.content(bytearray(BIG)) == digests.content(memoryview(BIG))

    def test_md5_and_sha256(self, digests: Digests) -> None:
        assert fed(digests.md5(), CHECK) == MD5
        assert fed(digests.sha256(), CHECK) == KNOWN[ChecksumAlgorithm.SHA256]

    @pytest.mark.parametrize("algorithm", list(ChecksumAlgorithm))
    def test_known_checksums(self, digests: Digests, algorithm: ChecksumAlgorithm) -> None:
        assert fed(digests.checksum(algorithm), CHECK) == KNOWN[algorithm]
        assert len(digests.checksum(algorithm).digest()) == algorithm.size

    @pytest.mark.parametrize("algorithm", list(ChecksumAlgorithm))
    def test_pieces_of_any_kind_make_the_whole(self, digests: Digests, algorithm: ChecksumAlgorithm) -> None:
        pieces = (BIG[:1], bytearray(BIG[1:70_000]), memoryview(BIG)[70_000:], b"")
        assert fed(digests.checksum(algorithm), *pieces) == fed(digests.checksum(algorithm), BIG)

    @pytest.mark.parametrize("algorithm", [item for item in ChecksumAlgorithm if item.composable])
    def test_crcs_of_parts_make_that_of_the_whole(self, digests: Digests, algorithm: ChecksumAlgorithm) -> None:
        cuts = (0, 1, 1, 100_000, 999_999, len(BIG))
        pieces = [BIG[start:end] for start, end in pairwise(cuts)]
        parts = [(bytes.fromhex(fed(digests.checksum(algorithm), piece)), len(piece)) for piece in pieces]
        assert digests.combine(algorithm, parts).hex() == fed(digests.checksum(algorithm), BIG)
        assert digests.combine(algorithm, parts[:1]) == parts[0][0]
        assert digests.combine(algorithm, []) == digests.checksum(algorithm).digest()

    @pytest.mark.parametrize("algorithm", [item for item in ChecksumAlgorithm if not item.composable])
    def test_others_do_not_combine(self, digests: Digests, algorithm: ChecksumAlgorithm) -> None:
        with pytest.raises(InvalidArgument):
            digests.combine(algorithm, [(bytes(algorithm.size), 1)])

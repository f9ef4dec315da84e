"""The file of a form is a body like any other: it ends only when the form ended as it should and the file has a size
that the policy allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from seglake.adapters.http_s3.body import RequestBody
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.form_data import FormParser
from seglake.adapters.s3_protocol.post_policy import SizeRange
from seglake.domain.model.digest import Expectations

GATHER_BYTES_MAX = 256 << 10
"""Up to this size a file is received before it is handed on, so that its length is known."""

EMPTY = b""
NOTHING = Expectations()


class FormFile:
    """One form under way, and its file as the domain reads it (port ``Body``). Read by one task, in order: ``begin``,
    ``expect``, ``gather``, then ``read`` to the end."""

    def __init__(self, source: RequestBody, boundary: bytes) -> None:
        self._source = source
        self._parser = FormParser(boundary)
        self._ready: deque[memoryview] = deque()
        self._size = 0
        self._ended = False
        self._length: int | None = None
        self._range = SizeRange()
        self._expected = NOTHING

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields as they came, names in lower case; whole after ``begin``."""
        return self._parser.fields

    @property
    def file_name(self) -> str:
        """What the client calls the file, without directories."""
        return self._parser.file_name

    async def begin(self) -> None:
        """Reads all that stands before the file. S3Error for a form that is malformed, too long, or without a file."""
        while not self._parser.in_file and await self._more():
            continue

    def expect(self, size: SizeRange, expected: Expectations) -> None:
        """Says what the file must be like. S3Error EntityTooLarge when it is known already that it is not."""
        self._range = size
        self._expected = expected
        self._check_large()

    async def gather(self) -> None:
        """Receives the file if it is small; its length is known from then on."""
        while self._size <= GATHER_BYTES_MAX:
            if not await self._more():
                self._length = self._size
                return

    @property
    def length(self) -> int | None:
        """The size of the file in bytes, None while it is not known."""
        return self._length

    def expectations(self) -> Expectations:
        """The digests that the form announced."""
        return self._expected

    async def read(self) -> bytes | memoryview:
        """The next bytes of the file, empty at the proven end. S3Error MalformedPOSTRequest, EntityTooSmall,
        EntityTooLarge, InvalidArgument for what may not stand behind the file."""
        while not self._ready:
            if not await self._more():
                return EMPTY
        return self._ready.popleft()

    async def _more(self) -> bool:
        """Receives the next bytes of the form; False at its end."""
        if self._ended:
            return False
        data = await self._source.read()
        if not data:
            self._parser.finish()
            self._check_small()
            self._ended = True
            return False
        for piece in self._parser.feed(data):
            self._size += len(piece)
            self._ready.append(piece)
        self._check_large()
        return True

    def _check_large(self) -> None:
        if self._size > self._range.maximum:
            raise S3Error(
                ErrorCode.EntityTooLarge,
                "Your proposed upload exceeds the maximum allowed size",
                extra=(("ProposedSize", str(self._size)), ("MaxSizeAllowed", str(self._range.maximum))),
            )

    def _check_small(self) -> None:
        if self._size < self._range.minimum:
            raise S3Error(
                ErrorCode.EntityTooSmall,
                "Your proposed upload is smaller than the minimum allowed size",
                extra=(("ProposedSize", str(self._size)), ("MinSizeAllowed", str(self._range.minimum))),
            )

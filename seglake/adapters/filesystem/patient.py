"""Reading around what a disk cannot give: one bad page must not keep a store from starting."""

from __future__ import annotations

from collections.abc import Callable

from seglake.domain.ports.files import File

_PAGE_BYTES = 4096


def patient_read(file: File) -> Callable[[int, int], bytes]:
    """``file.pread`` with zeros for pages that the disk cannot read: they break a checksum, the rest stays in use."""

    def read(size: int, offset: int) -> bytes:
        try:
            return file.pread(size, offset)
        except OSError:
            return b"".join(_pages(file, size, offset))

    return read


def _pages(file: File, size: int, offset: int) -> list[bytes]:
    pieces, position, end = [], offset, offset + size
    while position < end:
        want = min(_PAGE_BYTES - position % _PAGE_BYTES, end - position)
        try:
            pieces.append(file.pread(want, position))
        except OSError:
            pieces.append(bytes(want))
        position += want
    return pieces

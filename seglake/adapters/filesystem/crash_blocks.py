"""The content of one file on a disk that loses power: what was synced, and every version of every block written since.

Blocks have 4,096 bytes, sectors 512. A block that was never written reads as zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

BLOCK_BYTES = 4096
SECTOR_BYTES = 512
ZEROS = bytes(BLOCK_BYTES)


class Content:
    """One inode. ``blocks`` and ``length`` are what a reader sees now, the ``durable_`` ones what a sync made safe.

    ``pending`` holds for each block its versions since the last sync, oldest first, ``lengths`` those of the length;
    ``born`` says when each became pending (the file system's operation number).
    """

    __slots__ = (
        *("blocks", "born", "cut", "durable_blocks", "durable_length", "length", "lengths", "locked", "pending"),
        "_shared",
    )

    def __init__(self, blocks: dict[int, bytes], length: int) -> None:
        self.blocks = blocks
        self.length = length
        self.durable_blocks = blocks
        self.durable_length = length
        self.pending: dict[int, list[bytes | None]] = {}
        self.cut: int | None = None
        self.lengths: list[int] = []
        self.born: dict[int, int] = {}
        self.locked = False
        self._shared = True

    def read(self, size: int, offset: int) -> bytes:
        """Up to ``size`` bytes, fewer at the end."""
        size = max(0, min(size, self.length - offset))
        if not size:
            return b""
        first, skip = divmod(offset, BLOCK_BYTES)
        last = (offset + size - 1) // BLOCK_BYTES
        get = self.blocks.get
        if first == last:
            return get(first, ZEROS)[skip : skip + size]
        return b"".join([get(number, ZEROS) for number in range(first, last + 1)])[skip : skip + size]

    def write(self, data: bytes, offset: int, now: int) -> None:
        """Writes ``data``; nothing of it is durable yet."""
        self._own()
        position, end = 0, len(data)
        while position < end:
            number, skip = divmod(offset + position, BLOCK_BYTES)
            take = min(BLOCK_BYTES - skip, end - position)
            piece = data[position : position + take]
            if take != BLOCK_BYTES:
                old = self.blocks.get(number, ZEROS)
                piece = old[:skip] + piece + old[skip + take :]
            self._put(number, piece, now)
            position += take
        if offset + end > self.length:
            self._set_length(offset + end, now)

    def truncate(self, size: int, now: int) -> None:
        """Cuts or extends with zeros."""
        if size < self.length:
            self._own()
            number, skip = divmod(size, BLOCK_BYTES)
            if skip:
                self._put(number, self.blocks.get(number, ZEROS)[:skip].ljust(BLOCK_BYTES, b"\0"), now)
                number += 1
            for gone in [block for block in self.blocks if block >= number]:
                del self.blocks[gone]
                if gone in self.pending:
                    self.pending[gone].append(None)
            self.cut = number if self.cut is None else min(number, self.cut)
        if size != self.length:
            self._set_length(size, now)

    def sync(self) -> None:
        """Makes the newest version of everything durable."""
        if self.pending or self.cut is not None:
            durable = _cut(self.durable_blocks, self.cut)
            for number, versions in self.pending.items():
                newest = versions[-1]
                if newest is not None:
                    durable[number] = newest
            self.durable_blocks = durable
        self.durable_length = self.length
        self.forget()

    def forget(self) -> None:
        """What a failed sync leaves: readers still see it, but it counts as written back, and it never was."""
        self.pending.clear()
        self.lengths.clear()
        self.born.clear()
        self.cut = None

    def survivor(self, blocks: dict[int, bytes], length: int | None) -> Content:
        """This file after a power loss that kept ``blocks`` of the pending ones, and ``length`` unless None."""
        length = self.durable_length if length is None else length
        kept = _cut({**self.durable_blocks, **blocks}, -(-length // BLOCK_BYTES))
        last, used = divmod(length, BLOCK_BYTES)
        if used and last in kept:
            kept[last] = kept[last][:used].ljust(BLOCK_BYTES, b"\0")  # beyond the end of a file there are zeros
        return Content(kept, length)

    def _own(self) -> None:
        if self._shared:
            self.blocks = dict(self.blocks)
            self._shared = False

    def _put(self, number: int, block: bytes, now: int) -> None:
        self.blocks[number] = block
        self.pending.setdefault(number, []).append(block)
        self.born.setdefault(number, now)

    def _set_length(self, length: int, now: int) -> None:
        self.length = length
        self.lengths.append(length)
        self.born.setdefault(-1, now)


def _cut(blocks: dict[int, bytes], end: int | None) -> dict[int, bytes]:
    """A copy of the blocks before ``end``."""
    if end is None:
        return dict(blocks)
    return {number: block for number, block in blocks.items() if number < end}


def torn(old: bytes, new: bytes, sectors: Sequence[bool]) -> bytes:
    """A block of which only the sectors marked True were written."""
    return b"".join(
        [
            (new if written else old)[number * SECTOR_BYTES : (number + 1) * SECTOR_BYTES]
            for number, written in enumerate(sectors)
        ]
    )

"""A disk in memory that remembers what was synced, so that power can be cut anywhere and every outcome looked at.

The model is as strict as POSIX allows: an unsynced block, length or directory entry may be there or not, each on its
own, in an older or the newest version, and a block may be torn between its sectors. A rename is one step, and within a
directory the steps that survive happen in their order. A sync of a file says nothing about its name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from random import Random

from seglake.adapters.filesystem.crash_blocks import Content
from seglake.adapters.filesystem.crash_states import Choice, Step, choices
from seglake.domain.ports.files import File, FileSystem, ReadBuffer


class PowerOff(Exception):
    """The power is gone: this operation, and every later one, did not happen."""


class CrashFile(File):
    """One handle."""

    __slots__ = ("_content", "_fs", "_locked", "_name", "_open", "_write")

    def __init__(self, fs: CrashFileSystem, content: Content, name: str, write: bool) -> None:
        self._fs = fs
        self._content = content
        self._name = name
        self._write = write
        self._open = True
        self._locked = False

    def pread(self, size: int, offset: int, /) -> bytes:
        """See the port."""
        self._check()
        return self._content.read(size, offset)

    def pread_into(self, buffer: bytearray | memoryview, offset: int, /) -> int:
        """See the port."""
        data = self.pread(len(buffer), offset)
        buffer[: len(data)] = data
        return len(data)

    def pread_cached(self, size: int, offset: int, /) -> bytes | None:
        """See the port; memory is never waited for."""
        data = self.pread(size, offset)
        return data if len(data) == size else None

    def pwritev(self, buffers: Sequence[ReadBuffer], offset: int, /) -> None:
        """See the port."""
        self._check(write=True)
        data = b"".join(buffers)
        self._fs.make_room(max(0, offset + len(data) - self._content.length))
        now = self._fs.step("pwritev", self._name)
        self._content.write(data, offset, now)
        self._fs.done()

    def sync(self) -> None:
        """See the port."""
        self._check()
        self._fs.step("sync", self._name)
        self._content.sync()
        self._fs.done()

    def lose_unsynced(self) -> None:
        """What a failed sync does: the bytes stay readable, count as written back, and never are."""
        self._content.forget()

    def start_writeback(self, offset: int, length: int, /) -> None:
        """See the port; promises nothing, does nothing."""
        self._check()

    def truncate(self, size: int, /) -> None:
        """See the port."""
        self._check(write=True)
        now = self._fs.step("truncate", self._name)
        self._content.truncate(size, now)
        self._fs.done()

    def allocate(self, size: int, /) -> None:
        """See the port."""
        if size > self._content.length:
            self._check(write=True)
            self._fs.make_room(size - self._content.length)
            now = self._fs.step("allocate", self._name)
            self._content.truncate(size, now)
            self._fs.done()

    def size(self) -> int:
        """See the port."""
        self._check()
        return self._content.length

    def try_lock(self) -> bool:
        """See the port."""
        self._check()
        if self._content.locked and not self._locked:
            return False
        self._content.locked = self._locked = True
        return True

    def close(self) -> None:
        """See the port."""
        if self._locked:
            self._content.locked = False
        self._locked = self._open = False

    def _check(self, *, write: bool = False) -> None:
        self._fs.check()
        if not self._open or (write and not self._write):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), self._name)


class CrashFileSystem(FileSystem):
    """One disk. ``observe`` is called after every operation that changes it; ``power_off_at`` cuts the power before the
    operation of that number (from 0); ``capacity`` is its size in bytes, None for endless; with ``reflinks`` files can
    share blocks."""

    def __init__(self, *, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.observe: Callable[[CrashFileSystem, str, str], None] | None = None
        self.power_off_at: int | None = None
        self.reflinks = False
        self.operations = 0
        self._off = False
        self._last = ("", "")
        self._live: dict[str, dict[str, Content]] = {".": {}}
        self._durable: dict[str, dict[str, Content]] = {".": {}}
        self._linked: set[str] = set()
        self._steps: list[Step] = []

    def open(self, name: str, /, *, write: bool = False, create: bool = False) -> CrashFile:
        """See the port."""
        self.check()
        directory, leaf = self._place(name)
        found = self._live[directory].get(leaf)
        if create:
            if found is not None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
            now = self.step("create", name)
            found = self._live[directory][leaf] = Content({}, 0)
            self._steps.append(Step("link", directory, leaf, found, now))
            self.done()
        elif found is None:
            raise _missing(name)
        return CrashFile(self, found, name, write or create)

    def exists(self, name: str, /) -> bool:
        """See the port."""
        self.check()
        directory, leaf = _split(name)
        return name in self._live or leaf in self._live.get(directory, ())

    def list(self, directory: str, /) -> list[str]:
        """See the port."""
        self.check()
        below = [name.rpartition("/")[2] for name in self._live if name != "." and _split(name)[0] == directory]
        return sorted([*self._live.get(directory, ()), *below])

    def make_dir(self, directory: str, /) -> None:
        """See the port."""
        self.check()
        if directory not in self._live:
            parent, leaf = self._place(directory)
            now = self.step("make_dir", directory)
            self._live[directory] = {}
            self._steps.append(Step("mkdir", parent, leaf, None, now))
            self.done()

    def rename(self, old: str, new: str, /) -> None:
        """See the port. Between two directories the new name and the loss of the old one are two steps."""
        self.check()
        (source, leaf), (target, fresh) = self._place(old), self._place(new)
        content = self._live[source].get(leaf)
        if content is None:
            raise _missing(old)
        now = self.step("rename", new)
        del self._live[source][leaf]
        self._live[target][fresh] = content
        if source == target:
            self._steps.append(Step("rename", source, fresh, content, now, old=leaf))
        else:
            self._steps.append(Step("link", target, fresh, content, now))
            self._steps.append(Step("unlink", source, leaf, None, now))
        self.done()

    def remove(self, name: str, /) -> None:
        """See the port."""
        self.check()
        directory, leaf = self._place(name)
        if leaf not in self._live[directory]:
            raise _missing(name)
        now = self.step("remove", name)
        del self._live[directory][leaf]
        self._steps.append(Step("unlink", directory, leaf, None, now))
        self.done()

    def link(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port."""
        self.check()
        if source is not self:
            return False
        content, (directory, leaf) = self._found(old), self._free(new)
        now = self.step("link", new)
        self._live[directory][leaf] = content
        self._steps.append(Step("link", directory, leaf, content, now))
        self.done()
        return True

    def share(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port: the content is there at once and, like any other, safe after a sync."""
        self.check()
        if source is not self or not self.reflinks:
            return False
        content, (directory, leaf) = self._found(old), self._free(new)
        now = self.step("share", new)
        copy = self._live[directory][leaf] = Content({}, 0)
        copy.write(content.read(content.length, 0), 0, now)
        self._steps.append(Step("link", directory, leaf, copy, now))
        self.done()
        return True

    def sync_dir(self, directory: str, /) -> None:
        """See the port."""
        self.check()
        if directory not in self._live:
            raise _missing(directory)
        self.step("sync_dir", directory)
        left = []
        for step in self._steps:
            if step.directory == directory:
                step.apply(self._durable, self._linked)
            else:
                left.append(step)
        self._steps = left
        self.done()

    def free_bytes(self) -> int:
        """See the port."""
        self.check()
        return 1 << 50 if self.capacity is None else max(0, self.capacity - self.used())

    def crash(self, choice: Choice | None = None) -> CrashFileSystem:
        """The disk after a power loss; without a choice everything unsynced is lost."""
        return self._image(choice or Choice({}, {}, frozenset()))

    def crash_states(self, random: Random, *, exhaustive: int = 12, samples: int = 256) -> Iterator[CrashFileSystem]:
        """Disks that a power loss now may leave.

        All subsets of the unsynced units when there are at most ``exhaustive`` of them; else nothing, everything, every
        prefix in time, every single one kept or dropped, and ``samples`` random ones with torn blocks and old versions.
        """
        for choice in choices(self._unsynced(), self._steps, random, exhaustive=exhaustive, samples=samples):
            yield self._image(choice)

    def unsynced(self) -> int:
        """How many blocks, lengths and directory steps a power loss could take or leave."""
        return sum([len(content.born) for content in self._unsynced()]) + len(self._steps)

    def fingerprint(self) -> int:
        """Equal for two disks on which the same things are safe."""
        return hash(
            tuple(
                [
                    (directory, name, content.durable_length, frozenset(content.durable_blocks.items()))
                    for directory, names in sorted(self._durable.items())
                    for name, content in sorted(names.items())
                ]
            )
        )

    def used(self) -> int:
        """Bytes that the files with a name take."""
        return sum(content.length for names in self._live.values() for content in names.values())

    def check(self) -> None:
        """Raises PowerOff when the power is gone."""
        if self._off:
            raise PowerOff

    def step(self, operation: str, name: str) -> int:
        """Counts an operation about to change the disk; PowerOff when it is the one before which the power goes."""
        if self.operations == self.power_off_at:
            self._off = True
            raise PowerOff
        self._last = (operation, name)
        self.operations += 1
        return self.operations

    def done(self) -> None:
        """Tells the observer that the last operation is over."""
        if self.observe is not None:
            self.observe(self, *self._last)

    def make_room(self, size: int) -> None:
        """Raises ENOSPC when ``size`` more bytes do not fit."""
        if self.capacity is not None and size > self.capacity - self.used():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _found(self, name: str) -> Content:
        directory, leaf = self._place(name)
        content = self._live[directory].get(leaf)
        if content is None:
            raise _missing(name)
        return content

    def _free(self, name: str) -> tuple[str, str]:
        directory, leaf = self._place(name)
        if leaf in self._live[directory]:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        return directory, leaf

    def _place(self, name: str) -> tuple[str, str]:
        directory, leaf = _split(name)
        if directory not in self._live:
            raise _missing(name)
        return directory, leaf

    def _unsynced(self) -> Sequence[Content]:
        """Files with something unsynced that a name may still lead to, live or after a power loss."""
        seen: dict[int, Content] = {}
        for names in (*self._live.values(), *self._durable.values()):
            for content in names.values():
                if content.born:
                    seen[id(content)] = content
        for step in self._steps:
            if step.content is not None and step.content.born:
                seen[id(step.content)] = step.content
        return tuple(seen.values())

    def _image(self, choice: Choice) -> CrashFileSystem:
        tree = {directory: dict(names) for directory, names in self._durable.items()}
        linked = set(self._linked)
        for number, step in enumerate(self._steps):
            if number in choice.steps:
                step.apply(tree, linked)
        image = CrashFileSystem(capacity=self.capacity)
        image.reflinks = self.reflinks
        image._linked = {directory for directory in linked if all(above in linked for above in _above(directory))}
        made: dict[int, Content] = {}
        for directory, names in tree.items():
            if directory != "." and directory not in image._linked:
                continue
            for name, content in names.items():
                survivor = made.get(id(content))
                if survivor is None:
                    blocks, length = choice.blocks.get(id(content), {}), choice.lengths.get(id(content))
                    survivor = made[id(content)] = content.survivor(blocks, length)
                names[name] = survivor
            image._live[directory] = dict(names)
            image._durable[directory] = names
        return image


def _split(name: str) -> tuple[str, str]:
    directory, _, leaf = name.rpartition("/")
    return directory or ".", leaf


def _above(directory: str) -> list[str]:
    """The directories that a directory lies in, but the root."""
    parts = directory.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _missing(name: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)

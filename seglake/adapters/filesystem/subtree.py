"""A directory of a file system as a file system of its own: a snapshot beside its store, on one simulated disk."""

from __future__ import annotations

from seglake.domain.ports.files import File, FileSystem


class Subtree(FileSystem):
    """The tree below ``directory`` of ``inner``; ``.`` of it is that directory, which must exist."""

    __slots__ = ("_directory", "_inner", "_prefix")

    def __init__(self, inner: FileSystem, directory: str) -> None:
        self._inner = inner
        self._directory = directory
        self._prefix = f"{directory}/"

    def open(self, name: str, /, *, write: bool = False, create: bool = False) -> File:
        """See the port."""
        return self._inner.open(self._prefix + name, write=write, create=create)

    def exists(self, name: str, /) -> bool:
        """See the port."""
        return self._inner.exists(self._prefix + name)

    def list(self, directory: str, /) -> list[str]:
        """See the port."""
        return self._inner.list(self._below(directory))

    def make_dir(self, directory: str, /) -> None:
        """See the port."""
        self._inner.make_dir(self._prefix + directory)

    def rename(self, old: str, new: str, /) -> None:
        """See the port."""
        self._inner.rename(self._prefix + old, self._prefix + new)

    def remove(self, name: str, /) -> None:
        """See the port."""
        self._inner.remove(self._prefix + name)

    def link(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port."""
        origin, name = _inside(source, old)
        return self._inner.link(origin, name, self._prefix + new)

    def share(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port."""
        origin, name = _inside(source, old)
        return self._inner.share(origin, name, self._prefix + new)

    def sync_dir(self, directory: str, /) -> None:
        """See the port. The directory's own name is the business of whoever made it."""
        self._inner.sync_dir(self._below(directory))

    def free_bytes(self) -> int:
        """See the port."""
        return self._inner.free_bytes()

    def inside(self, name: str) -> tuple[FileSystem, str]:
        """The whole file system, and the name there."""
        return self._inner, self._prefix + name

    def _below(self, directory: str) -> str:
        return self._directory if directory == "." else self._prefix + directory


def _inside(source: FileSystem, name: str) -> tuple[FileSystem, str]:
    return source.inside(name) if isinstance(source, Subtree) else (source, name)

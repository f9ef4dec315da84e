"""Configuration texts, users, ring keys and notes as plain dictionaries; every change leaves a step that undoes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Generic, TypeVar

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import NO_CONFIGS, ConfigKind, Configs
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.user import User
from seglake.domain.ports.tables import ConfigTexts, Notes, RingKeys, Users

Step = Callable[[], object]
T = TypeVar("T")


class _Rows(Generic[T]):
    """A dictionary by name whose changes can be undone; None removes."""

    def __init__(self, undo: list[Step]) -> None:
        self._undo = undo
        self.rows: dict[str, T] = {}

    def set(self, name: str, value: T | None) -> None:
        old = self.rows.get(name)
        self._undo.append(lambda: self._place(name, old))
        self._place(name, value)

    def _place(self, name: str, value: T | None) -> None:
        if value is None:
            self.rows.pop(name, None)
        else:
            self.rows[name] = value


class MemoryConfigs(ConfigTexts):
    """Texts by bucket; a change makes a new mapping, so that one given out never changes."""

    def __init__(self, undo: list[Step]) -> None:
        self._rows: _Rows[Configs] = _Rows(undo)

    def of(self, bucket: Bucket, /) -> Configs:
        """All texts."""
        return self._rows.rows.get(str(bucket.id), NO_CONFIGS)

    def put(self, bucket_id: int, kind: ConfigKind, text: str, /) -> None:
        """Sets or removes one."""
        name = str(bucket_id)
        changed = {**self._rows.rows.get(name, NO_CONFIGS), kind: text}
        if not text:
            del changed[kind]
        self._rows.set(name, MappingProxyType(changed) if changed else None)

    def drop(self, bucket_id: int, /) -> None:
        """Removes all of a bucket."""
        self._rows.set(str(bucket_id), None)


class MemoryUsers(Users):
    """Users by name."""

    def __init__(self, undo: list[Step]) -> None:
        self._rows: _Rows[User] = _Rows(undo)

    def get(self, name: str, /) -> User | None:
        """One."""
        return self._rows.rows.get(name)

    def scan(self) -> Iterator[User]:
        """All, by name."""
        for name in sorted(self._rows.rows):
            yield self._rows.rows[name]

    def put(self, user: User, /) -> None:
        """Adds or replaces one."""
        self._rows.set(user.name, user)


class MemoryRingKeys(RingKeys):
    """Ring keys by name."""

    def __init__(self, undo: list[Step]) -> None:
        self._rows: _Rows[RingKey] = _Rows(undo)

    def get(self, name: str, /) -> RingKey | None:
        """One."""
        return self._rows.rows.get(name)

    def scan(self) -> Iterator[RingKey]:
        """All, by name."""
        for name in sorted(self._rows.rows):
            yield self._rows.rows[name]

    def put(self, key: RingKey, /) -> None:
        """Adds or replaces one."""
        self._rows.set(key.name, key)


class MemoryNotes(Notes):
    """Notes by name."""

    def __init__(self, undo: list[Step]) -> None:
        self._rows: _Rows[str] = _Rows(undo)

    def get(self, name: str, /) -> str | None:
        """One."""
        return self._rows.rows.get(name)

    def put(self, name: str, text: str, /) -> None:
        """Sets or removes one."""
        self._rows.set(name, text or None)

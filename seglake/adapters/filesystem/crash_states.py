"""Which of the unsynced things a power loss keeps: every combination of a few, a telling spread of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from seglake.adapters.filesystem.crash_blocks import BLOCK_BYTES, SECTOR_BYTES, ZEROS, Content, torn

LENGTH = -1
"""The unit number of a file's length beside those of its blocks."""
_SECTORS = BLOCK_BYTES // SECTOR_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One change of a directory that is not durable yet; ``born`` is its operation number."""

    kind: str
    directory: str
    name: str
    content: Content | None
    born: int
    old: str = ""

    def apply(self, tree: dict[str, dict[str, Content]], linked: set[str]) -> None:
        """Does it to ``tree``. ``linked`` are the directories that their parents name: only what hangs together from
        the root is there after a power loss, although the names inside of a directory may be safe before its own."""
        if self.kind == "mkdir":
            path = self.name if self.directory == "." else f"{self.directory}/{self.name}"
            linked.add(path)
            tree.setdefault(path, {})
            return
        names = tree.setdefault(self.directory, {})
        if self.kind == "unlink":
            names.pop(self.name, None)
            return
        assert self.content is not None, "a name leads to a file"
        names.pop(self.old, None)
        names[self.name] = self.content


@dataclass(frozen=True, slots=True)
class Choice:
    """What survives: block contents and length by the identity of the file, and numbers of directory steps."""

    blocks: dict[int, dict[int, bytes]]
    lengths: dict[int, int]
    steps: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """One thing that a power loss takes or leaves: a block, a length, or (without content) a directory step."""

    content: Content | None
    number: int
    born: int


def choices(
    contents: Sequence[Content], steps: Sequence[Step], random: Random, *, exhaustive: int, samples: int
) -> Iterator[Choice]:
    """The choices that ``CrashFileSystem.crash_states`` describes."""
    units = [_Unit(content, number, born) for content in contents for number, born in content.born.items()]
    units += [_Unit(None, number, step.born) for number, step in enumerate(steps)]
    units.sort(key=lambda unit: unit.born)
    count = len(units)
    if count <= exhaustive:
        for mask in range(1 << count):
            yield _choice([unit for place, unit in enumerate(units) if mask >> place & 1])
    else:
        for end in range(count + 1):
            yield _choice(units[:end])
        for place in range(count):
            yield _choice(units[place : place + 1])
            yield _choice(units[:place] + units[place + 1 :])
    if count:
        shares = (0.1, 0.5, 0.9) if count > exhaustive else (0.5, 0.9)
        for _ in range(samples if count > exhaustive else min(samples, 16 * count)):
            share = random.choice(shares)
            yield _choice([unit for unit in units if random.random() < share], random)


def _choice(kept: Sequence[_Unit], random: Random | None = None) -> Choice:
    """Keeps these units: in their newest version, or in any version and perhaps torn when there is a ``random``."""
    blocks: dict[int, dict[int, bytes]] = {}
    lengths: dict[int, int] = {}
    steps: set[int] = set()
    for unit in kept:
        content = unit.content
        if content is None:
            steps.add(unit.number)
        elif unit.number == LENGTH:
            lengths[id(content)] = content.lengths[-1] if random is None else random.choice(content.lengths)
        else:
            versions = content.pending[unit.number]
            block = versions[-1] if random is None else random.choice(versions)
            if block is None:
                continue  # cut off: the length says so
            if random is not None and random.random() < 0.5:
                old = content.durable_blocks.get(unit.number, ZEROS)
                block = torn(old, block, [random.random() < 0.5 for _ in range(_SECTORS)])
            blocks.setdefault(id(content), {})[unit.number] = block
    return Choice(blocks, lengths, frozenset(steps))

"""Ways for checks to miss damage, for marks to hit what is sound, and for repairs to believe what they must not."""

from __future__ import annotations

from .mutant import Edit, Mutant

_MARKING = "domain/services/marking.py"
_SCRUBBING = "domain/services/scrubbing.py"
_SCRUB = "domain/services/scrub.py"
_FSCK = "domain/services/fsck.py"
_REPAIR = "domain/services/repair.py"
_FILING = "adapters/sqlite/tables/filing.py"
_STORE = "adapters/sqlite/store.py"
_ONLINE = ("tests/unit/domain/services/test_scrubbing.py",)
_CHECKS = ("tests/unit/domain/services/test_checks.py",)
_SERVED = ("tests/unit/domain/services/test_served_checks.py",)
_REPAIRS = ("tests/unit/entrypoints/test_checking.py",)
_FILED = ("tests/unit/adapters/sqlite/test_filing.py",)
_SHAPE = ("tests/unit/adapters/sqlite/test_shape.py",)
_PLAIN = ("tests/unit/adapters/disk_format/test_plain.py",)
_FLIPS = "tests/simulation/test_bit_flips.py::test_a_flipped_{}"


def _mutant(name: str, tests: tuple[str, ...], file: str, old: str, new: str) -> Mutant:
    return Mutant(name, tests, (Edit(file, old, new),))


CHECKING = (
    _mutant(
        "what leaves while a scrub runs is damage",
        _SERVED,
        _SCRUB,
        "return ScrubReport(chunks, size, len(damage.needed), seconds,",
        "return ScrubReport(chunks, size, len(damage.reasons), seconds,",
    ),
    _mutant(
        "a served version is marked without a second look",
        _REPAIRS,
        "entrypoints/checking.py",
        "[one for one in batch if fault_in(one.chunks, verify) is not None]",
        "[one for one in batch if fault_in(one.chunks, verify) is not one]",
    ),
    _mutant(
        "index and files of a served store are compared only once",
        _SERVED,
        _FSCK,
        "        if differences and self._served:\n",
        "        if differences and not self._served:\n",
    ),
    _mutant(
        "versions are held against segments of another moment",
        _SERVED,
        _FSCK,
        "            committed = {segment: row.committed for segment, row in known_segments(view).items()}\n",
        "            committed = {segment: row.committed - 1 for segment, row in known_segments(view).items()}\n",
    ),
    _mutant(
        "what is being written is checked",
        ("tests/unit/adapters/filesystem/test_contracts.py",),
        "adapters/filesystem/checking.py",
        "    size = file.size() if limit is None else min(limit, file.size())\n",
        "    size = file.size()\n",
    ),
    _mutant(
        "a served store is not checked up to what was acknowledged",
        _SERVED,
        "domain/services/whole_segments.py",
        "        end = row.committed if row is not None and row.state is SegmentState.OPEN else None\n",
        "        end = None\n",
    ),
    _mutant(
        "a check that was stopped goes on",
        ("tests/unit/adapters/system/test_apart.py",),
        "adapters/system/apart.py",
        "            if progress is not None:\n                progress.advance(0)\n            continue\n",
        "            continue\n",
    ),
    _mutant(
        "a check outlives its server",
        ("tests/unit/adapters/system/test_apart.py",),
        "adapters/system/apart.py",
        "        os._exit(1)\n",
        "        pass\n",
    ),
    _mutant(
        "a check that died found nothing",
        ("tests/unit/adapters/system/test_apart.py",),
        "adapters/system/apart.py",
        '            raise HelperGone("the process that did the work ended in the middle of it") from None\n',
        "            return None\n",
    ),
    _mutant("a version is marked without a second look", _ONLINE, _SCRUBBING, "again is not None and bool(", "bool("),
    _mutant("a version that changed is marked", _ONLINE, _MARKING, " and version.manifest.chunks == one.chunks", ""),
    _mutant(
        "damage is logged and served on",
        _ONLINE,
        _SCRUBBING,
        "            if version.state is VersionState.ACTIVE:\n",
        "            if version.state is VersionState.CONFLICT:\n",
    ),
    _mutant(
        "a damaged version is served again unread",
        (*_ONLINE, "tests/unit/entrypoints/test_cli.py"),
        _REPAIR,
        "        if fault_in(suspect.chunks, files.verify) is None:\n",
        "        if suspect.chunks:\n",
    ),
    _mutant(
        "parts of running uploads are not scrubbed",
        _CHECKS,
        _SCRUB,
        "                for chunk in part.chunks:\n                    found",
        "                for chunk in part.chunks[:0]:\n                    found",
    ),
    _mutant(
        "records are not compared with the index",
        _CHECKS,
        _FSCK,
        "                suspects.update(self._files.differing(segment, places))\n",
        "                suspects.update(())\n",
    ),
    _mutant(
        "chunks beyond the acknowledged length pass",
        _CHECKS,
        _FSCK,
        "                if offset + length > committed.get(segment, -1):\n                    findings.append",
        "                if offset + length < 0:\n                    findings.append",
    ),
    _mutant(
        "events are not compared with their digests",
        (_FLIPS.format("structural_bit_is_found_and_never_served[event]"),),
        "adapters/filesystem/checking.py",
        '            if blake3(content).digest() != digest:\n                yield offset, "an event',
        '            if not digest:\n                yield offset, "an event',
    ),
    _mutant(
        "a rebuilt row is trusted although an event is lost",
        _REPAIRS,
        _REPAIR,
        "        if not self._gather(histories):\n",
        "        if self._gather(histories) is None:\n",
    ),
    _mutant(
        "a repair forgets what came after the put",
        _REPAIRS,
        _REPAIR,
        "                    self.later.append((event, ref))\n",
        "                    pass\n",
    ),
    _mutant(
        "a repair brings replaced versions back",
        _REPAIRS,
        _REPAIR,
        "        return self.removed or (",
        "        return False and (",
    ),
    _mutant(
        "a pack is made of damaged events",
        _REPAIRS,
        "adapters/filesystem/sealing.py",
        "        if blake3(payload).digest() != claimed_digest(block, at):\n",
        "        if not payload:\n",
    ),
    _mutant(
        "a header that SQLite believes is not compared",
        _SHAPE,
        _STORE,
        "            check_header(connection)\n",
        "",
    ),
    _mutant(
        "a schema that SQLite believes is not compared",
        _SHAPE,
        _STORE,
        "            check_schema(connection)\n",
        "",
    ),
    _mutant(
        "a rebuild keeps replaced null versions",
        _FILED,
        _FILING,
        "    if not last:\n        return puts\n",
        "    return puts\n",
    ),
    _mutant(
        "a rebuild takes manifests that contradict themselves",
        _PLAIN,
        "adapters/disk_format/plain.py",
        "    if total != size:\n",
        "    if total < 0:\n",
    ),
    _mutant(
        "a repaired version stays refused after a rebuild",
        ("tests/unit/entrypoints/test_cli.py", _ONLINE[0]),
        "domain/services/apply.py",
        "event.version, VersionState.ACTIVE)",
        "event.version, VersionState.DAMAGED)",
    ),
)

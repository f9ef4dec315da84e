"""Ways for maintenance to let writes through, and for snapshots and restores to promise what the disk does not hold."""

from __future__ import annotations

from .mutant import Edit, Mutant

_MAINTENANCE = (
    "tests/unit/domain/services/test_maintenance.py",
    "tests/unit/adapters/sqlite/test_store.py",
    "tests/unit/adapters/memory",
)
_FRONT = ("tests/unit/adapters/http_s3/test_maintenance.py",)
_SNAPSHOTS = ("tests/simulation/test_snapshots.py", "tests/unit/adapters/filesystem/test_snapshots.py")
_BUNDLE = ("tests/unit/entrypoints/test_support.py",)


def _mutant(name: str, tests: tuple[str, ...], file: str, old: str, new: str) -> Mutant:
    return Mutant(name, tests, (Edit(file, old, new),))


_COPIES = "adapters/filesystem/segment_copies.py"
_DIRECTORIES = "adapters/filesystem/snapshots.py"
_TAKING = "domain/services/snapshot.py"
_RESTORE = "domain/services/restore.py"

UPKEEP = (
    _mutant(
        "maintenance is not checked in the commit of the index",
        _MAINTENANCE,
        "adapters/sqlite/view.py",
        "        if self._barred:\n            raise UnderMaintenance\n",
        "",
    ),
    _mutant(
        "maintenance is not checked in the commit of the index in memory",
        _MAINTENANCE,
        "adapters/memory/metadata.py",
        "        if self._barred:\n            raise UnderMaintenance\n",
        "",
    ),
    _mutant(
        "maintenance begins without the writes under way",
        _MAINTENANCE,
        "domain/services/maintenance.py",
        "while self._gate.under_way and",
        "while False and",
    ),
    _mutant(
        "maintenance ends with a restart",
        _MAINTENANCE,
        "domain/services/maintenance.py",
        "            await self._set(_QUIESCED, _ENTERING)\n        elif",
        "            await self._set(_OFF, _ENTERING)\n        elif",
    ),
    _mutant(
        "writes enter in maintenance",
        _FRONT,
        "adapters/http_s3/app.py",
        "        gate.enter()\n",
        "        gate.under_way += 1\n",
    ),
    _mutant(
        "a copied segment is not synced",
        _SNAPSHOTS,
        _COPIES,
        "            _pump(origin, copy, size, moved)\n            sync_file(copy)\n",
        "            _pump(origin, copy, size, moved)\n",
    ),
    _mutant("an open segment is linked", _SNAPSHOTS, _COPIES, "link=link and whole)\n    pack", "link=link)\n    pack"),
    _mutant("the copied index is not synced", _SNAPSHOTS, _DIRECTORIES, "            sync_file(file)\n", ""),
    _mutant(
        "a snapshot is published before the names in it are safe",
        _SNAPSHOTS,
        _DIRECTORIES,
        '        for directory in (*reversed(_DIRECTORIES), "."):\n'
        "            sync_directory(self._target, directory)\n        publish(",
        "        publish(",
    ),
    _mutant(
        "a snapshot is published before its segments are there",
        _SNAPSHOTS,
        _TAKING,
        "            segments, findings = self._take(state.rows, target, options)\n",
        "            segments, findings = self._take(state.rows, target, SnapshotOptions(data=False))\n",
    ),
    _mutant(
        "a snapshot does not keep its segments from being collected",
        _SNAPSHOTS,
        _TAKING,
        "        if self._store is not None:\n            releases",
        "        if self._store is None:\n            releases",
    ),
    _mutant(
        "a restore is not marked as unfinished",
        _SNAPSHOTS,
        _DIRECTORIES,
        "        publish(self._target, RESTORING_FILE, [b",
        "        publish(self._target, 'other', [b",
    ),
    _mutant(
        "a restored store loses its mark before its names are safe",
        _SNAPSHOTS,
        _DIRECTORIES,
        '        for directory in (*reversed(_DIRECTORIES), "."):\n'
        "            sync_directory(self._target, directory)\n        self._target.remove",
        "        self._target.remove",
    ),
    _mutant("the restored index is not checked", _SNAPSHOTS, _RESTORE, "source.check_index(manifest.index)", "pass"),
    _mutant(
        "what came after the moment comes back",
        _SNAPSHOTS,
        _RESTORE,
        "if event.stamp > at and ref.offset < end:",
        "if False and ref.offset < end:",
    ),
    _mutant(
        "a moment before the last collection is restored all the same",
        _SNAPSHOTS,
        _RESTORE,
        "at.ticks < manifest.history_ticks",
        "at.ticks < 0",
    ),
    _mutant(
        "a bundle quotes rows of the index",
        _BUNDLE,
        "entrypoints/support.py",
        '"where": "index", "text": _table_of(found.text)',
        '"where": "index", "text": found.text',
    ),
    _mutant(
        "a bundle shows names in the log",
        _BUNDLE,
        "entrypoints/support.py",
        "    if name in _SHOWN_FIELDS or",
        "    if name or",
    ),
)

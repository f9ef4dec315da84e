"""Ways for a collector to lose what is alive, or to bring back what is gone."""

from __future__ import annotations

from .mutant import Edit, Mutant

_GC = "domain/services/gc.py"
_LIVE = "domain/services/liveness.py"
_KEEPING = "domain/services/keeping.py"
_REWRITE = "domain/services/rewrite.py"
_UNIT = ("tests/unit/domain/services/test_gc.py", "tests/unit/domain/services/test_rewrite.py")
_WHOSE = ("tests/unit/domain/services/test_attribution.py",)
_STORE = ("tests/unit/adapters/filesystem/test_contracts.py", "tests/unit/adapters/memory/test_segments.py")
_LIVES = ("tests/simulation/test_collecting.py::test_whatever_is_collected_a_rebuilt_index_is_the_same",)


def _crashes(*workloads: str) -> tuple[str, ...]:
    case = "tests/simulation/test_collecting.py::test_power_may_fail_at_every_step"
    return tuple([f"{case}[collect_{workload}]" for workload in workloads])


def _mutant(name: str, tests: tuple[str, ...], file: str, old: str, new: str) -> Mutant:
    return Mutant(name, tests, (Edit(file, old, new),))


COLLECTING = (
    _mutant(
        "noncurrent versions count as garbage",
        (*_UNIT, "-k", "noncurrent"),
        "adapters/memory/tables.py",
        "        for row in self.scan_rows():\n            manifest = row.manifest\n            chunks = [",
        "        rows = {(row.manifest.bucket_id, row.manifest.key): row for row in reversed(list(self.scan_rows()))}\n"
        "        for row in rows.values():\n            manifest = row.manifest\n            chunks = [",
    ),
    _mutant(
        "parts count as garbage",
        (*_UNIT, "-k", "part"),
        _LIVE,
        "        count(bucket, [chunk[:3] for chunk in part.chunks], ref.segment, ref.length)\n",
        "        assert part.chunks is not None\n",
    ),
    _mutant(
        "payloads under way count as garbage",
        (*_UNIT, "-k", "under_way"),
        _GC,
        "            if use.row.id not in census.segments and not use.pinned and ",
        "            if use.row.id not in census.segments and ",
    ),
    _mutant(
        "segments are those of a later moment than what is alive in them",
        (*_UNIT, "-k", "meanwhile"),
        _GC,
        "        uses = [use_of(row, census, pinned) for row in census.rows if ",
        "        later = self.metadata.read(lambda view: list(view.segments.scan()))\n"
        "        uses = [use_of(row, census, pinned) for row in later if ",
    ),
    _mutant(
        "a dead chunk counts for everybody who named it",
        _WHOSE,
        "domain/services/attribution.py",
        "            fresh = set(packed) - self.live[target] - seen\n",
        "            fresh = set(packed) - self.live[target]\n",
    ),
    _mutant(
        "a chunk that is alive counts as dead",
        _WHOSE,
        "domain/services/attribution.py",
        "            fresh = set(packed) - self.live[target] - seen\n",
        "            fresh = set(packed) - seen\n",
    ),
    _mutant(
        "a segment whose events cannot be read holds none",
        (*_UNIT, "-k", "cannot"),
        _KEEPING,
        " for one in mentions if one.whole\n",
        " for one in mentions\n",
    ),
    _mutant(
        "pins are believed before the commits behind them are over",
        (*_UNIT, "-k", "cancelled"),
        _GC,
        "        await self.committer.call(_nothing)\n",
        "",
    ),
    _mutant(
        "a segment that somebody reads is moved",
        (*_UNIT, "-k", "reader"),
        _GC,
        "await self.settled_pins() | self.segments.held()",
        "await self.settled_pins()",
    ),
    _mutant(
        "streams do not hold their segments",
        _STORE,
        "adapters/filesystem/store.py",
        "        if len(slices) > 1:\n",
        "        if len(slices) > 1 << 30:\n",
    ),
    _mutant(
        "a writer pins its segment too late",
        _STORE,
        "adapters/filesystem/bulk.py",
        "                self._pins.pin(segment.id)\n",
        "                self._pins.pin(b'')\n",
    ),
    _mutant(
        "a damaged manifest keeps nothing alive",
        ("tests/unit/adapters/sqlite/test_held.py",),
        "adapters/sqlite/tables/versions.py",
        '        if not sound:\n            raise damaged("manifests", ref)\n',
        "        if not sound:\n            return Held(0, '', HLC(0, 0), [], ref)\n",
    ),
    _mutant(
        "a lost manifest keeps nothing alive",
        ("tests/unit/adapters/sqlite/test_held.py",),
        "adapters/sqlite/tables/versions.py",
        "        if row is None or row[0]:\n            raise damaged",
        "        if row is None:\n            raise damaged",
    ),
    _mutant(
        "a payload in a doomed segment is committed",
        (*_UNIT, "-k", "doomed"),
        "domain/services/ingest.py",
        "        if row is not None and row.state is SegmentState.DOOMED:\n",
        "        if row is None and segments is None:\n",
    ),
    _mutant(
        "doomed segments are not looked at again",
        (*_UNIT, "-k", "alive_after_all"),
        _GC,
        "        if alive:\n",
        "        alive = frozenset()\n        if alive:\n",
    ),
    _mutant(
        "unlinked before the commit that dooms",
        _crashes("dead_bulk", "copies"),
        _GC,
        "        doomed = await self.committer.commit(Doom(tuple([use.row.id for use in dead]), tuple(names)))\n",
        "        for use in dead:\n            self.files.discard(use.row.id)\n"
        "        doomed = await self.committer.commit(Doom(tuple([use.row.id for use in dead]), tuple(names)))\n",
    ),
    _mutant(
        "a row goes before its file",
        (*_UNIT, "-k", "cannot_be_removed"),
        _GC,
        "        await self.committer.call(partial(self.files.discard, row.id))\n"
        "        await self.committer.commit(NoteSegments((), (row.id,)))\n",
        "        await self.committer.commit(NoteSegments((), (row.id,)))\n"
        "        await self.committer.call(partial(self.files.discard, row.id))\n",
    ),
    _mutant(
        "moved before the copies are safe",
        _crashes("copies", "parts_wide"),
        _REWRITE,
        "                marks = await self._gc.offload.start(writer.sync)\n",
        "                marks = ()\n",
    ),
    _mutant(
        "a removal is forgotten before what it removed is gone",
        _LIVES,
        _KEEPING,
        "return event if self.elsewhere.may_hold(event.version.ticks) else None",
        "return None",
    ),
    _mutant(
        "doomed segments hold nothing any more",
        (*_UNIT, "-k", "tombstone"),
        _KEEPING,
        "            return None if last is None else last._replace(certain=False)\n",
        "            return None\n",
    ),
    _mutant(
        "a null put goes without a trace",
        _crashes("nulls_elsewhere"),
        _KEEPING,
        "        if manifest.null and self.elsewhere.may_hold_older(manifest.stamp.ticks):\n",
        "        if manifest.null and manifest.key is None:\n",
    ),
    _mutant(
        "what a null put replaced comes back at a rebuild",
        _crashes("nulls_elsewhere"),
        "domain/services/apply.py",
        "        case VersionGone():\n            _replace_null(tables, event.bucket_id, event.key)\n",
        "        case VersionGone():\n            pass\n",
    ),
    _mutant(
        "an abort is forgotten before its parts are",
        _crashes("aborted_elsewhere"),
        _KEEPING,
        "                return event if self.elsewhere.may_hold_older(event.stamp.ticks) else None\n",
        "                return None\n",
    ),
    _mutant(
        "the newest event may go",
        (*_UNIT, "-k", "newest_event"),
        _KEEPING,
        "    if last is not None and not elsewhere.hold_as_new(last[0].stamp.ticks):\n",
        "    if last is not None and not last[0].stamp.ticks:\n",
    ),
    _mutant(
        "a move is forgotten",
        _LIVES,
        _KEEPING,
        "return event if found is not None and found.manifest.chunks == event.chunks else None",
        "return None",
    ),
    _mutant(
        "of a chunk that several share one is moved",
        (*_UNIT, "-k", "shared"),
        _REWRITE,
        "            for batch in _batches(found, HOLDERS_MAX):\n",
        "            for batch in _batches(found[:1], HOLDERS_MAX):\n",
    ),
    _mutant(
        "copied events are not announced",
        _crashes("nulls", "tags_and_buckets"),
        _REWRITE,
        "        await self._gc.committer.commit(NoteSegments((born,)))\n",
        "        assert born.id\n",
    ),
    _mutant(
        "a corrupt chunk is copied",
        (*_UNIT, "-k", "corrupt"),
        _REWRITE,
        "            payload = self._gc.files.read(chunk)\n",
        "            payload = self._gc.files._segments.by_id[chunk.segment].chunks[chunk.offset][0]"
        "  # type: ignore[attr-defined]\n",
    ),
    _mutant(
        "an upload is given up without another look",
        ("tests/unit/domain/services/test_mpu_gc.py",),
        "domain/services/mpu_gc.py",
        "            if upload is not None and _since_ms(upload) < self.before_ms:\n",
        "            if upload is not None:\n",
    ),
)

"""Ways to break the store that no test may let pass: each is a small change, and the tests that must see it."""

from __future__ import annotations

from .administration import ADMINISTRATION
from .authorisation import AUTHORISATION
from .browsers import BROWSERS
from .checking import CHECKING
from .collecting import COLLECTING
from .configuration import CONFIGURATION
from .encryption import ENCRYPTION
from .lifecycle import LIFECYCLE
from .limits import LIMITS
from .locks import LOCKS
from .mutant import Edit, Mutant
from .opening import OPENING
from .policies import POLICIES
from .supervision import SUPERVISION
from .upkeep import UPKEEP
from .watching import WATCHING


def _crashes(*workloads: str) -> tuple[str, ...]:
    case = "tests/simulation/test_crashes.py::test_every_acknowledgement_survives"
    return tuple([f"{case}[{workload}]" for workload in workloads])


def _faults(workload: str) -> tuple[str, ...]:
    return (f"tests/simulation/test_faults.py::test_a_failing_disk_loses_nothing[{workload}]",)


_OPEN_SEGMENT = "adapters/filesystem/open_segment.py"
_RECOVERY = "adapters/filesystem/recovery.py"
_SEALING = "adapters/filesystem/sealing.py"
_WRITER = "adapters/sqlite/writer.py"
_SYNC = """                self._file.sync()
                if not self._named:
                    self._files.sync_dir(SEGMENTS_DIR)
                    self._named = True
"""
_COMMIT = """        apply_marks(tx, journal.flush(), now_ms)
        tx.settings.save()
        execute("COMMIT")
"""
_SEAL = """    sync_file(file)
    sync_directory(files, SEGMENTS_DIR)
    size ="""

DURABILITY = (
    Mutant("no fsync of a segment", _crashes("small"), (Edit(_OPEN_SEGMENT, "self._file.sync()", "pass"),)),
    Mutant(
        "no directory fsync after a file was made",
        _crashes("small"),
        (Edit(_OPEN_SEGMENT, "                    self._files.sync_dir(SEGMENTS_DIR)\n", ""),),
    ),
    Mutant(
        "no directory fsync after a rename",
        _crashes("idle", "rotation"),
        (Edit("adapters/filesystem/publish.py", "    sync_directory(files, directory_of(name))\n", ""),),
    ),
    Mutant(
        "segments are synced after the commit that names them",
        _crashes("small", "batch"),
        (
            Edit(
                _WRITER,
                _COMMIT,
                """        tx.settings.save()
        execute("COMMIT")
        marks = journal.flush()
        execute("BEGIN IMMEDIATE")
        apply_marks(tx, marks, now_ms)
        execute("COMMIT")
""",
            ),
        ),
    ),
    Mutant(
        "acknowledged before the commit",
        ("tests/unit/adapters/commit",),
        (
            Edit(
                "adapters/commit/group.py",
                """        try:
            outcomes = run_batch(self._metadata, self._segments, batch)
""",
                """        self._post(batch, [None for _ in batch])
        try:
            outcomes = run_batch(self._metadata, self._segments, batch)
""",
            ),
        ),
    ),
    Mutant(
        "what found no room is acknowledged with its batch",
        ("tests/unit/adapters/commit",),
        (
            Edit(
                "adapters/commit/batch.py",
                "        except (StorageFull, StoreClosed) as error:\n            outcomes.append(error)",
                "        except (StorageFull, StoreClosed):\n            outcomes.append(None)",
            ),
        ),
    ),
    Mutant(
        "work that waits behind a failed batch is done",
        ("tests/unit/adapters/commit", "-k", "behind_a_failed_batch"),
        (
            Edit(
                "adapters/commit/group.py",
                "        if self._failure is not None:\n            # Such as sealing",
                "        if self._failure is self:\n            # Such as sealing",
            ),
        ),
    ),
    Mutant(
        "an error of the commit is ignored",
        ("tests/unit/adapters/sqlite/test_store.py", *_faults("mixed_overwrite")),
        (
            Edit(
                _WRITER,
                '        tx.settings.save()\n        execute("COMMIT")\n',
                """        tx.settings.save()
        try:
            execute("COMMIT")
        except apsw.Error:
            if not self.session.connection.get_autocommit():
                execute("ROLLBACK")
""",
            ),
        ),
    ),
    Mutant(
        "a failed fsync is tried again",
        _faults("mixed_overwrite"),
        (
            Edit(
                _OPEN_SEGMENT,
                _SYNC,
                """                try:
                    self._file.sync()
                except OSError:
                    self._file.sync()
                if not self._named:
                    self._files.sync_dir(SEGMENTS_DIR)
                    self._named = True
""",
            ),
        ),
    ),
    Mutant(
        "after a failed sync the store goes on",
        _faults("mixed_overwrite"),
        (
            Edit(
                "adapters/filesystem/health.py",
                "        if self._reason is not None:\n            raise",
                "        if self._reason == '':\n            raise",
            ),
            Edit(
                _WRITER,
                "        if self.failure is not None:\n            raise",
                "        if not self:\n            raise",
            ),
            Edit(
                "adapters/commit/direct.py",
                "        if self._failure is not None:\n            raise",
                "        if not self:\n            raise",
            ),
        ),
    ),
    Mutant(
        "recovery leaves the torn tail",
        _crashes("small", "bulk"),
        (Edit(_RECOVERY, "            file.truncate(committed)\n", "            pass\n"),),
    ),
    Mutant(
        "recovery trusts the page cache of a killed process",
        ("tests/unit/adapters/filesystem/test_recovery.py", "-k", "killed_process"),
        (Edit(_RECOVERY, "        sync_file(file)\n        sync_directory(files, SEGMENTS_DIR)\n", ""),),
    ),
    Mutant(
        "recovery acts on a commit that only the page cache holds",
        (
            "tests/unit/adapters/sqlite/test_vfs.py",
            "-k",
            "killed_process",
        ),
        (Edit("adapters/sqlite/store.py", "                _make_safe(connection)\n", ""),),
    ),
    Mutant(
        "acknowledged bytes behind damage are cut off",
        ("tests/unit/adapters/filesystem/test_recovery.py",),
        (
            Edit(
                _RECOVERY,
                "            gap_bytes += found.length\n",
                "            end = found.offset\n            break\n",
            ),
        ),
    ),
    Mutant("sealed without fsync", _crashes("idle", "rotation"), (Edit(_SEALING, _SEAL, "    size ="),)),
    Mutant(
        "a footer may survive without the records before it",
        ("tests/unit/adapters/filesystem/test_recovery.py", "-k", "outlives"),
        (Edit(_SEALING, "    sync_file(file)\n    file.pwritev(", "    file.pwritev("),),
    ),
    Mutant(
        "SQLite with synchronous=NORMAL",
        _crashes("small"),
        (Edit("adapters/sqlite/connection.py", '("synchronous", "FULL", 2)', '("synchronous", "NORMAL", 1)'),),
    ),
    Mutant(
        "a pragma that SQLite did not take is not noticed",
        ("tests/unit/adapters/sqlite/test_connection.py",),
        (Edit("adapters/sqlite/connection.py", "        if got != expected:", "        if got is name:"),),
    ),
    Mutant(
        "a record header is not authenticated",
        ("tests/unit/adapters/disk_format/test_records.py",),
        (
            Edit(
                "adapters/disk_format/records.py",
                "        if blake3(fields, key=self._key).digest(MAC_BYTES) != header[_FIELD_BYTES:]:",
                "        if len(header) < HEADER_BYTES:",
            ),
        ),
    ),
    Mutant(
        "a chunk from the page cache is not verified",
        ("tests/unit/adapters/filesystem/test_contracts.py", "tests/unit/adapters/filesystem/test_store.py"),
        (
            Edit(
                "adapters/filesystem/reader.py",
                "        if data is not None and self._content(data) != chunk.digest:",
                "        if data is not None and len(data) != chunk.length:",
            ),
        ),
    ),
    Mutant(
        "a chunk from the disk is not verified",
        ("tests/unit/adapters/filesystem/test_contracts.py", "tests/unit/adapters/filesystem/test_store.py"),
        (
            Edit(
                "adapters/filesystem/reader.py",
                "        if self._content(data) != chunk.digest:\n",
                "        if len(data) > chunk.length:\n",
            ),
        ),
    ),
    Mutant(
        "rebuilding forgets what was removed",
        _crashes("deletes", "delete_and_put_again"),
        (
            Edit(
                "domain/services/rebuild.py",
                "            events += 1\n            batch.append(entry)\n",
                "            events += 1\n"
                '            if type(entry[0]).__name__ != "VersionRemoved":\n'
                "                batch.append(entry)\n",
            ),
        ),
    ),
    Mutant(
        "a precondition is decided before the commit only",
        _crashes("batch_with_refusals"),
        (
            Edit(
                "domain/services/object_writes.py",
                """            current = tx.versions.current_entry(bucket.id, command.key)
            check_overwrite(bucket, command.key, current, command.conditions, self.limits)
        attributes = command.attributes
""",
                "            pass\n        attributes = command.attributes\n",
            ),
        ),
    ),
    Mutant(
        "one refused script fails its whole batch",
        _crashes("batch_with_refusals"),
        (Edit(_WRITER, "        except (MemoryError, StoreFailed):\n", "        except Exception:\n"),),
    ),
    Mutant(
        "a refused script's records stay in the journal",
        _crashes("late_refusals"),
        (Edit(_WRITER, "            journal.rollback(mark)\n", ""),),
    ),
    Mutant(
        "the newest stamp is not kept",
        _crashes("small", "versioned"),
        (
            Edit(
                _WRITER,
                '        tx.settings.save()\n        execute("COMMIT")\n        return',
                '        execute("COMMIT")\n        return',
            ),
        ),
    ),
    Mutant(
        "the lock of the data directory is taken for granted",
        ("tests/unit/adapters/filesystem/test_layout.py", "tests/integration/test_kill.py", "-k", "second or lock"),
        (Edit("adapters/filesystem/locks.py", "        if not file.try_lock():", "        if file is None:"),),
    ),
    Mutant(
        "a lost index is replaced by an empty one",
        ("tests/simulation/test_nested_crashes.py", "-k", "lost_index"),
        (
            Edit(
                "domain/services/recovery.py", "        if files.sealed(segment) or next(", "        if False and next("
            ),
        ),
    ),
    Mutant(
        "a pack that a killed process made may lose its name",
        ("tests/unit/adapters/filesystem/test_recovery.py", "-k", "killed_process"),
        (
            Edit(
                _RECOVERY,
                "        sync_directory(files, MANIFESTS_DIR)\n    return row",
                "        pass\n    return row",
            ),
        ),
    ),
    Mutant(
        "room that the reserve gave back is used for payload",
        ("tests/unit/adapters/filesystem/test_reserve.py",),
        (
            Edit(
                "adapters/filesystem/reserve.py",
                "self._size // 2 if self._held else self._size + self._size // 2",
                "self._size // 2",
            ),
        ),
    ),
    Mutant(
        "a start on a full disk keeps the reserve",
        _crashes("full_disk_restart"),
        (
            Edit(
                "adapters/filesystem/reserve.py",
                "        if files.free_bytes() < file.size() // 2:",
                "        if files.free_bytes() < 0:",
            ),
        ),
    ),
    Mutant(
        "the reserve is not given up in time",
        _crashes("full_disk_3000", "full_disk_restart"),
        (
            Edit(
                "adapters/filesystem/reserve.py", "            short = self._room < 0\n", "            short = False\n"
            ),
        ),
    ),
)

SECURITY = (
    Mutant(
        "the signature of the last chunk is not checked",
        ("tests/unit/adapters/s3_protocol/test_aws_chunked.py",),
        (
            Edit(
                "adapters/s3_protocol/aws_chunked.py",
                "        if self._mode.signed_chunks:\n            self._check_chunk(EMPTY_SHA256)\n",
                "        if self._mode.trailing and self._mode.signed_chunks:\n"
                "            self._check_chunk(EMPTY_SHA256)\n",
            ),
        ),
    ),
    Mutant(
        "one signed header is left out of the canonical request",
        ("tests/unit/adapters/s3_protocol/test_canonical.py", "tests/unit/adapters/s3_protocol/test_sigv4.py"),
        (
            Edit(
                "adapters/s3_protocol/canonical.py",
                "for name in signed])\n    query = canonical_query",
                "for name in signed[:-1]])\n    query = canonical_query",
            ),
        ),
    ),
    Mutant(
        "headers need not be signed",
        ("tests/unit/adapters/s3_protocol/test_sigv4.py",),
        (Edit("adapters/s3_protocol/sigv4.py", "    if missing:\n", "    if missing is None:\n"),),
    ),
    Mutant(
        "the source of a copy is not authorised",
        ("tests/unit/adapters/http_s3", "-k", "copy or copies or matrix"),
        (
            Edit(
                "adapters/http_s3/handlers/writing.py",
                "    x.authorize(action, named.bucket, named.keys[0], named.version)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a presigned URL is valid for a day longer",
        ("tests/unit/adapters/s3_protocol/test_sigv4.py",),
        (
            Edit(
                "adapters/s3_protocol/sigv4.py",
                "    if now >= claims.timestamp + claims.expires_s:",
                "    if now >= claims.timestamp + claims.expires_s + 86_400:",
            ),
        ),
    ),
    Mutant(
        "any signature will do",
        ("tests/unit/adapters/s3_protocol/test_sigv4.py",),
        (Edit("adapters/s3_protocol/sigv4.py", "    if not matches:\n", "    if matches is None:\n"),),
    ),
)

MUTANTS = (
    *DURABILITY,
    *SECURITY,
    *BROWSERS,
    *CHECKING,
    *AUTHORISATION,
    *ADMINISTRATION,
    *CONFIGURATION,
    *LIMITS,
    *WATCHING,
    *SUPERVISION,
    *LOCKS,
    *OPENING,
    *POLICIES,
    *UPKEEP,
    *LIFECYCLE,
    *ENCRYPTION,
    *COLLECTING,
)

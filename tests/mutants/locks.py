"""Ways to lose what is locked, or to tag without the right to."""

from __future__ import annotations

from .mutant import Edit, Mutant

_LOCKING = "domain/services/locking.py"
_LOCK_TESTS = ("tests/unit/domain/services/test_locking.py", "tests/unit/adapters/http_s3/handlers/test_locks.py")

LOCKS = (
    Mutant(
        "a locked version is removed by its id",
        _LOCK_TESTS,
        (
            Edit(
                "domain/services/object_writes.py",
                "    check_entry_removable(tx, bucket, entry, bypass=command.bypass)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a PUT replaces a locked null version",
        _LOCK_TESTS,
        (
            Edit(
                "domain/services/object_writes.py",
                "        if null:\n            check_null_replaceable(tx, bucket, command.key)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a copy replaces a locked null version",
        _LOCK_TESTS,
        (
            Edit(
                "domain/services/copying.py",
                "        if null:\n            check_null_replaceable(tx, bucket, command.key)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a completed upload replaces a locked null version",
        _LOCK_TESTS,
        (
            Edit(
                "domain/services/multipart.py",
                "            check_null_replaceable(tx, bucket, command.key)\n",
                "            pass\n",
            ),
        ),
    ),
    Mutant(
        "a delete replaces a locked null version",
        _LOCK_TESTS,
        (
            Edit(
                "domain/services/object_writes.py",
                "    if bucket.versioning is not Versioning.ENABLED:\n"
                "        check_null_replaceable(tx, bucket, command.key)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a legal hold does not hold",
        _LOCK_TESTS,
        (Edit(_LOCKING, "    if lock.hold:\n", "    if lock.hold and lock.retention is not None:\n"),),
    ),
    Mutant(
        "a retention ends a millisecond late",
        (*_LOCK_TESTS, "tests/unit/domain/model/test_object_lock.py"),
        (Edit("domain/model/object_lock.py", "return now_ms < self.until_ms", "return now_ms <= self.until_ms"),),
    ),
    Mutant(
        "a retention ends a day early",
        (*_LOCK_TESTS, "tests/unit/domain/model/test_object_lock.py"),
        (
            Edit(
                "domain/model/object_lock.py",
                "return now_ms < self.until_ms",
                "return now_ms < self.until_ms - DAY_MS",
            ),
        ),
    ),
    Mutant(
        "COMPLIANCE yields to bypass",
        _LOCK_TESTS,
        (
            Edit(
                _LOCKING,
                "kept.active(now_ms) and not (bypass and kept.mode is RetentionMode.GOVERNANCE):",
                "kept.active(now_ms) and not bypass:",
            ),
        ),
    ),
    Mutant(
        "a retention is shortened without bypass",
        _LOCK_TESTS,
        (Edit(_LOCKING, " and wanted.until_ms >= present.until_ms\n", "\n"),),
    ),
    Mutant(
        "the mode of a retention is changed without bypass",
        _LOCK_TESTS,
        (Edit(_LOCKING, "wanted is not None and wanted.mode is present.mode and", "wanted is not None and"),),
    ),
    Mutant(
        "a delete bypasses without the right to",
        ("tests/unit/adapters/http_s3/handlers/test_locks.py",),
        (
            Edit(
                "adapters/http_s3/handlers/locks.py",
                "    x.authorize(BYPASS_ACTION, x.bucket, x.key, x.version)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a bulk delete bypasses without the right to",
        ("tests/unit/adapters/http_s3/handlers/test_locks.py",),
        (
            Edit(
                "adapters/http_s3/handlers/writing.py",
                "                x.authorize(BYPASS_ACTION, x.bucket, entry.key, entry.version)\n",
                "                pass\n",
            ),
        ),
    ),
    Mutant(
        "the default retention is not applied",
        _LOCK_TESTS,
        (Edit(_LOCKING, "    return replace(wanted, retention=config.default.since(now_ms))", "    return wanted"),),
    ),
    Mutant(
        "the default retention counts from the start of an upload",
        _LOCK_TESTS,
        (Edit("domain/services/multipart.py", "upload.lock, tx.now_ms())", "upload.lock, upload.started.ms)"),),
    ),
    Mutant(
        "a lock is asked for where there is no object lock",
        _LOCK_TESTS,
        (Edit(_LOCKING, "    if ConfigKind.OBJECT_LOCK not in configs:\n", "    if configs is None:\n"),),
    ),
    Mutant(
        "versioning is suspended under object lock",
        _LOCK_TESTS,
        (Edit("domain/services/buckets.py", "is not Versioning.ENABLED and holds_locks(tx, bucket):", "is None:"),),
    ),
    Mutant(
        "tags are copied without the right to set them",
        ("tests/unit/adapters/http_s3/handlers/test_tagging.py",),
        (
            Edit(
                "domain/services/copying.py",
                "        if command.tags is None and found.tags and not command.tags_allowed:\n",
                "        if command.tags is None and found.tags and command.tags_allowed is None:\n",
            ),
        ),
    ),
)

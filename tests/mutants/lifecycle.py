"""Ways for lifecycle rules to remove what they should not, too early, or without another look."""

from __future__ import annotations

from .mutant import Edit, Mutant

_EXPIRY = "domain/model/expiry.py"
_MODEL = "domain/model/lifecycle.py"
_SCAN = "domain/services/lifecycle_scan.py"
_REMOVAL = "domain/services/lifecycle_removal.py"
_RUNNER = "domain/services/lifecycle.py"
_PURE = ("tests/unit/domain/model/test_expiry.py",)
_RUNS = (
    "tests/unit/domain/services/test_lifecycle.py",
    "tests/unit/domain/services/test_lifecycle_removal.py",
)
_SCANS = ("tests/unit/domain/services/test_lifecycle_scan.py",)
_FRONT = ("tests/unit/adapters/http_s3/handlers/test_lifecycle.py",)


def _mutant(name: str, tests: tuple[str, ...], file: str, old: str, new: str) -> Mutant:
    return Mutant(name, tests, (Edit(file, old, new),))


LIFECYCLE = (
    _mutant("objects expire a day early", _PURE, _EXPIRY, "// day_ms + 1) * day_ms", "// day_ms) * day_ms"),
    _mutant("objects expire a day late", _PURE, _EXPIRY, "// day_ms + 1) * day_ms", "// day_ms + 2) * day_ms"),
    _mutant("objects expire a millisecond late", _PURE, _EXPIRY, "found.due_ms <= now_ms", "found.due_ms < now_ms"),
    _mutant("a disabled rule acts", _PURE, _EXPIRY, "        if not rule.enabled:\n", "        if rule is None:\n"),
    _mutant(
        "one version fewer is kept",
        _PURE,
        _EXPIRY,
        "facts.newer < (chosen.keep or 0)",
        "facts.newer + 1 < (chosen.keep or 0)",
    ),
    _mutant(
        "a delete marker goes with versions under it",
        _PURE,
        _EXPIRY,
        "if chosen is None or (facts.marker and not facts.sole):",
        "if chosen is None:",
    ),
    _mutant(
        "a filter by tags is ignored",
        (*_PURE, *_RUNS),
        _MODEL,
        "return tags is None or all(pair in tags for pair in self.tags)",
        "return True",
    ),
    _mutant(
        "one of several tags is enough",
        _PURE,
        _MODEL,
        "all(pair in tags for pair in self.tags)",
        "not self.tags or any(pair in tags for pair in self.tags)",
    ),
    _mutant(
        "an explanation does not look tags up",
        _SCANS,
        _SCAN,
        "    if asked.reach.reads_tags:\n",
        "    if asked is None:\n",
    ),
    _mutant(
        "noncurrent days count from the version's own time",
        (*_SCANS, *_RUNS),
        _SCAN,
        "None if last is None else last.ms",
        "None if last is None else entry.modified_ms",
    ),
    _mutant(
        "a commit does not decide again",
        _RUNS,
        _REMOVAL,
        "        if decision is None or decision.action is not asked.decision.action:\n",
        "        decision = asked.decision\n        if decision is None:\n",
    ),
    _mutant(
        "a commit does not see that a newer version came",
        _RUNS,
        _REMOVAL,
        "    if current != (asked.noncurrent_ms is None) or (not current and asked.current not in newest):\n",
        "    if not newest:\n",
    ),
    _mutant(
        "a commit trusts the scan about since when a version is noncurrent",
        _RUNS,
        _REMOVAL,
        " or (not current and asked.current not in newest):",
        ":",
    ),
    _mutant(
        "a commit does not decide again about an upload",
        _RUNS,
        _REMOVAL,
        "upload is None or upload.completed or upload.bucket_id",
        "upload is None or upload.bucket_id",
    ),
    _mutant(
        "a commit does not look at locks",
        _RUNS,
        _REMOVAL,
        "        check_removable(version, now_ms, bypass=False)\n",
        "        assert now_ms\n",
    ),
    _mutant(
        "a null marker replaces a locked null version",
        _RUNS,
        _REMOVAL,
        "        check_null_replaceable(tx, bucket, manifest.key)\n",
        "        assert now_ms\n",
    ),
    _mutant(
        "a run does not note where it stands",
        _RUNS,
        _REMOVAL,
        "        tx.notes.put(NOTE, self.standing.note())\n        bucket",
        "        bucket",
    ),
    _mutant(
        "removals have no rate", _RUNS, _RUNNER, "max(len(page.dues) / self._per_second, took * REST)", "took * REST"
    ),
    _mutant("two runs at once", _RUNS, _RUNNER, "        if self._running:\n", "        if self._metadata is None:\n"),
    _mutant(
        "a noncurrent version is told to expire",
        _FRONT,
        "adapters/http_s3/handlers/lifecycle.py",
        " and not x.services.reads.is_current(opened):",
        " and x.services is None:",
    ),
)

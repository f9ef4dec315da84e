"""A test that no mutant can fail is decoration: each of these must be noticed by the tests named beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .killing import FAILED, ROOT, Copy, apply
from .mutant import Mutant
from .mutations import MUTANTS

MUTANTS_MIN = 15


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_still_applies(mutant: Mutant) -> None:
    sources: dict[str, str] = {}
    for edit in mutant.edits:
        source = sources.get(edit.file) or (ROOT / "seglake" / edit.file).read_text(encoding="utf-8")
        sources[edit.file] = apply(source, edit.old, edit.new)
    for test in mutant.tests:
        assert not test.startswith("tests/") or (ROOT / test.partition("::")[0]).exists(), test


def test_there_are_enough_mutants_and_none_twice() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= MUTANTS_MIN


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_killed(mutant: Mutant, copy: Copy) -> None:
    with copy.changed(mutant):
        done = copy.run(mutant.tests)
    said = (done.stdout + done.stderr)[-3000:]
    assert done.returncode == FAILED, f"it lives (exit code {done.returncode}):\n{said}"
    assert "FAILED tests/" in done.stdout, f"something else went wrong:\n{said}"


def test_a_patch_that_fits_nowhere_or_twice_is_noticed(tmp_path: Path) -> None:
    for source in ("a = 1\n", "x = 1\nx = 1\n"):
        with pytest.raises(AssertionError, match="not once"):
            apply(source, "x = 1", "x = 2")

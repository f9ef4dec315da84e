"""docs/policies.md shows policies that the store takes, and lists what it understands: no more, no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seglake.domain.model.policy import check_resources, parse_policy
from seglake.domain.model.policy_keys import CONDITION_KEYS, TAG_KEYS
from seglake.domain.model.policy_operators import OPERATORS
from seglake.domain.model.policy_text import QUESTION_MARKS_MAX, STARS_MAX, TEXT_CHARACTERS_MAX

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def _section(title: str) -> str:
    return PAGE.split(f"### {title}\n")[1].split("\n#")[0]


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_policies(text: str) -> None:
    assert parse_policy(text, principals=True).statements


def test_there_is_an_example_of_each_form_and_a_buckets_own() -> None:
    assert len(EXAMPLES) == 2
    check_resources(parse_policy(EXAMPLES[0], principals=True), "demo")


def test_the_table_of_operators_is_complete() -> None:
    rows = [line.split("|")[1] for line in _section("Operators").splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([A-Za-z]+)`", "".join(rows))) == set(OPERATORS)


def test_the_table_of_keys_is_complete() -> None:
    table = [line for line in _section("Condition keys").splitlines() if line.startswith("| ")]
    named = {key.lower() for line in table for key in re.findall(r"`([a-z0-9]+:[A-Za-z0-9/-]+)`", line)}
    assert named == CONDITION_KEYS | {f"{family}key" for family in TAG_KEYS}


def test_the_limits_are_those_of_the_code() -> None:
    assert f"at most {TEXT_CHARACTERS_MAX:,} characters" in PAGE
    assert f"at most {STARS_MAX} `*` and {QUESTION_MARKS_MAX} `?`" in PAGE

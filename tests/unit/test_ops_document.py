"""docs/ops.md and the README name commands, flags, messages and chapters that exist."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from seglake.adapters.admin_socket.operations import OPERATIONS
from seglake.entrypoints.cli.app import app
from seglake.entrypoints.segctl import app as segctl

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS: dict[str, Any] = {"seglake": typer.main.get_command(app), "segctl": typer.main.get_command(segctl)}


def invocations(text: str) -> Iterator[list[str]]:
    """The words of each `seglake ...` or `segctl ...` in a page's code, with alternatives (`a|b`) as one word."""
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`((?:seglake|segctl) [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in lines:
        for found in re.finditer(r"(?:^|[\s(;|&\"])((?:seglake|segctl) .*)", line):
            command = re.split(r"\s(?:#|&&|\|\||;|\|)\s|\)\"|;", found[1].replace("\\|", "|"))[0]
            try:
                words = shlex.split(command)
            except ValueError:
                words = command.split()
            yield words


ALL = sorted({(page.name, " ".join(words)) for page in PAGES for words in invocations(page.read_text())})


def walk(words: list[str]) -> tuple[list[Any], list[str]]:
    """The commands that the first words name (several for alternatives), and the words that are left."""
    commands, rest = [PROGRAMS[words[0]]], words[1:]
    while rest and not rest[0].startswith("-") and all(hasattr(command, "commands") for command in commands):
        names = rest[0].split("|")
        below = [command.commands.get(name.rstrip(":,.")) for command in commands for name in names]
        assert None not in below, f"there is no {rest[0]!r} in {' '.join(words)}"
        commands, rest = below, rest[1:]
    return commands, rest


@pytest.mark.parametrize(("page", "text"), ALL, ids=[f"{page}: {text[:60]}" for page, text in ALL])
def test_a_command_in_the_documents_exists_with_its_flags(page: str, text: str) -> None:
    commands, rest = walk(text.split())
    for command in commands:
        known = {"--help", "-h", "--version", "--install-completion", "--show-completion"}
        for parameter in command.params:
            known.update(parameter.opts, parameter.secondary_opts)
        for word in rest:
            for name in word.split("|"):
                if name.startswith("--") and name != "--":
                    assert name.partition("=")[0].rstrip(",.:") in known, f"{text}: {name}"


def test_commands_were_found_at_all() -> None:
    assert len(ALL) > 30
    assert {"seglake", "segctl"} <= {text.split()[0] for _, text in ALL}


@cache
def texts_in_the_source() -> str:
    """Every text of the program, one a line, with what is filled in as "..."."""
    found = []
    for path in sorted((ROOT / "seglake").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                pieces = [part.value if isinstance(part, ast.Constant) else "..." for part in node.values]
                found.append("".join(map(str, pieces)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(text.replace("\n", " ") for text in found)


def symptoms() -> list[str]:
    """The messages quoted in the first column of the troubleshooting tables and in the chapter on upgrades."""
    text = (ROOT / "docs" / "ops.md").read_text()
    tables = text.partition("## Troubleshooting by symptom")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in tables.splitlines() if line.startswith("| ")]
    quoted = [message for cell in first for message in re.findall(r"`([^`]+)`", cell)]
    quoted += re.findall(r"`(the data directory has [^`]+)`", text.partition("## Upgrades")[2].partition("\n## ")[0])
    return sorted(set(quoted))


@pytest.mark.parametrize("message", symptoms())
def test_a_quoted_message_is_one_of_the_programs(message: str) -> None:
    pieces = [re.escape(piece) for piece in message.split("...")]
    assert re.search("[^\n]*".join(pieces), texts_in_the_source()), message


def test_symptoms_were_found_at_all() -> None:
    assert len(symptoms()) > 20


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists(), target
        if anchor:
            titles = re.findall(r"(?m)^#+ (.*)$", place.read_text())
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, target


def test_the_table_of_methods_is_the_programs() -> None:
    text = (ROOT / "docs" / "ops.md").read_text()
    table = text.partition("| method | parameters (`?`: optional) |")[2].partition("\n\n")[0]
    shown = dict(re.findall(r"^\| `([a-z.-]+)` \| (.+) \|$", table, re.MULTILINE))
    expected = {}
    for name, operation in OPERATIONS.items():
        marks = [f"`{one}`{'' if parameter.required else '?'}" for one, parameter in operation.parameters.items()]
        expected[name] = ", ".join(marks) or "none"
    assert shown == expected

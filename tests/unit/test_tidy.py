"""House rules that no linter knows: sizes, docstrings, names, leaks, and a README whose commands and links exist.

A number here only ever goes down. The lists of exceptions are empty, and should stay so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("seglake", "tests", "scripts", "examples")
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
POSITIONAL_PARAMETERS_MAX = 5
MODULE_LINES_EXCEPTIONS: dict[str, int] = {}
FUNCTION_LINES_EXCEPTIONS: dict[str, int] = {}

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base", "core", "stuff"}
TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".cfg",
    ".ini",
    ".yml",
    ".yaml",
    ".sh",
    ".cddl",
    ".service",
    ".env",
    ".sql",
}
TEXT_NAMES = {"Makefile", "run", "Dockerfile", ".gitignore", "Caddyfile"}
SKIPPED = {".git", ".venv", "build", "dist", "data", "__pycache__"}
# Paths of somebody's machine, and where packages come from, have no place in a repository.
LEAKS = re.compile(r"(?<![\w.}])/(?:home|root|Users|work|workspace)/[a-z]|--(?:extra-)?index-url")
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b")


def _walk(top: Path) -> Iterator[Path]:
    for path in sorted(top.iterdir()):
        if path.name in SKIPPED or path.name.endswith((".egg-info", "_cache")) or path.name == ".hypothesis":
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


@cache
def _files() -> tuple[Path, ...]:
    return tuple(_walk(ROOT))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _modules(*tops: str) -> dict[str, str]:
    """{relative path: source} of the Python files below these directories."""
    return {
        _name(path): path.read_text(encoding="utf-8")
        for path in _files()
        if path.suffix == ".py" and _name(path).split("/")[0] in tops
    }


@cache
def _trees(*tops: str) -> dict[str, ast.Module]:
    return {name: ast.parse(source) for name, source in _modules(*tops).items()}


def _texts() -> dict[str, str]:
    return {
        _name(path): path.read_text(encoding="utf-8")
        for path in _files()
        if path.suffix in TEXT_SUFFIXES or path.name in TEXT_NAMES
    }


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def test_modules_are_small() -> None:
    sizes = {name: source.count("\n") for name, source in _modules(*CODE).items()}
    assert {n: s for n, s in sizes.items() if s > MODULE_LINES_EXCEPTIONS.get(n, MODULE_LINES_MAX)} == {}


def test_functions_are_small() -> None:
    found = {
        f"{name}:{function}": (node.end_lineno or 0) - node.lineno + 1
        for name, tree in _trees(*CODE).items()
        for function, node in _functions(tree)
    }
    assert {n: s for n, s in found.items() if s > FUNCTION_LINES_EXCEPTIONS.get(n, FUNCTION_LINES_MAX)} == {}


def test_public_functions_take_few_positional_parameters() -> None:
    found = {}
    for name, tree in _trees("seglake").items():
        for function, node in _functions(tree):
            parameters = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
            # Constructors are called by name; a signature that a library dictates is a classmethod of ours.
            dictated = any(isinstance(one, ast.Name) and one.id == "classmethod" for one in node.decorator_list)
            exempt = dictated or node.name.startswith("_")
            if not exempt and len(set(parameters) - {"self", "cls"}) > POSITIONAL_PARAMETERS_MAX:
                found[f"{name}:{function}"] = parameters
    assert found == {}


def test_exceptions_to_the_sizes_are_still_needed() -> None:
    sizes = {name: source.count("\n") for name, source in _modules(*CODE).items()}
    assert [name for name, allowed in MODULE_LINES_EXCEPTIONS.items() if sizes.get(name, 0) < allowed] == []


def test_every_module_opens_with_a_docstring() -> None:
    bare = [name for name, tree in _trees("seglake").items() if not ast.get_docstring(tree)]
    assert bare == []


def _public_without_docstring(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield from () if ast.get_docstring(node) else (node.name,)


def test_public_classes_and_functions_have_docstrings() -> None:
    bare = [f"{name}:{what}" for name, tree in _trees("seglake").items() for what in _public_without_docstring(tree)]
    assert bare == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    vague = [name for name in _modules(*CODE) if VAGUE_NAMES & {part.removesuffix(".py") for part in name.split("/")}]
    assert vague == []


def test_every_directory_of_modules_is_a_package() -> None:
    names = _modules("seglake", "tests")
    folders = {name.rpartition("/")[0] for name in names}
    assert sorted(folder for folder in folders if f"{folder}/__init__.py" not in names) == []


def test_unit_tests_lie_where_their_module_lies() -> None:
    modules = set(_modules("seglake"))
    packages = {name.rpartition("/")[0] for name in modules}
    lost = []
    for name in _modules("tests"):
        folder, _, file = name.removeprefix("tests/unit/").rpartition("/")
        if name.startswith("tests/unit/") and file.startswith("test_") and folder:
            subject = f"seglake/{folder}"
            if subject not in packages and f"{subject}.py" not in modules:
                lost.append(name)
    assert lost == []


def test_nothing_is_left_undone_and_no_page_knows_its_makers_machine() -> None:
    found = {}
    for name, text in _texts().items():
        for number, line in enumerate(text.splitlines(), start=1):
            if LEAKS.search(line) or UNFINISHED.search(line):
                found[f"{name}:{number}"] = line.strip()[:120]
    assert found == {}


@pytest.mark.parametrize("folder", ["home", "root", "Users"])
def test_a_path_of_somebodys_machine_would_be_seen(folder: str) -> None:
    assert LEAKS.search(f"see /{folder}/me/store")
    assert not LEAKS.search(f"GET /bucket/{folder}/me")


def test_make_targets_named_in_the_documentation_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {
        (name, target)
        for name, text in _texts().items()
        if name.endswith((".md", "run"))
        for target in re.findall(r"(?:^|`|\$ )make ([a-z][a-z-]*)", text, re.MULTILINE)
    }
    assert ("README.md", "run") in named
    assert sorted(pair for pair in named if pair[1] not in targets) == []


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert [one for one in phony[1].split() if not re.search(rf"^{one}:.*## \S", makefile, re.MULTILINE)] == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for name, text in _texts().items():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" in target or target.startswith("mailto:"):
                continue
            path = ((ROOT / name).parent / target).resolve()
            if not path.exists():
                broken.append(f"{name} -> {target}")
    assert broken == []

"""Command-line clients as they are installed, each with a home of its own and no way to another network."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.integration.endpoint import BIN, Endpoint, clean_environment

ODD_NAMES = [
    "plain.txt",
    "with space.txt",
    "plus+sign.txt",
    "per%cent.txt",
    "umlaut-äöü.txt",
    "emoji-\U0001f600.txt",
    "quote'\".txt",
    "brackets[1](2){3}.txt",
    "amper&sand=equals.txt",
    "hash#mark.txt",
    "dir/inner.txt",
    "dir/deep/er/file.txt",
    "dir.with.dots/..file..",
    "日本語/キー.txt",
    "empty",
]


def make_tree(top: Path, *, big: int = 0) -> dict[str, bytes]:
    """Files with odd names below ``top``; {name relative to it: content}. ``big`` adds one file of that size."""
    files = {name: name.encode() * 3 for name in ODD_NAMES}
    files["empty"] = b""
    if big:
        files["big.bin"] = bytes(range(256)) * (big // 256)
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return files


def read_tree(top: Path) -> dict[str, bytes]:
    """{name relative to ``top``: content} of every file."""
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in top.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Tool:
    """A client: its name, what comes before its own arguments, and its environment."""

    endpoint: Endpoint
    home: Path
    command: tuple[str, ...]
    environment: dict[str, str]

    def run(self, *arguments: str, fails: bool = False, timeout_s: float = 90) -> str:
        """Runs it; standard output. An exit code that was not expected fails the test with all that was said."""
        done = subprocess.run(
            [str(BIN / self.command[0]), *self.command[1:], *arguments],
            cwd=self.home,
            env=clean_environment(self.home, **self.environment),
            capture_output=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )
        said = done.stdout.decode(errors="replace")
        assert (done.returncode != 0) == fails, f"{arguments}: {done.returncode}\n{said}\n{done.stderr.decode()}"
        return said

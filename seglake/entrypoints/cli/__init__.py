"""The command line: `seglake --help` shows it. Nothing heavy is imported before a command needs it."""

from __future__ import annotations


def main() -> None:
    """The console script."""
    from .app import app

    app(prog_name="seglake")

"""`seglake db-integrity-check` and `db-reindex`: the index as a database."""

from __future__ import annotations

import typer

from .jobs import following, run_job
from .output import EXIT_FINDINGS, EXIT_OK, DataDir, Json, print_json


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("db-integrity-check")(check)
    app.command("db-reindex")(reindex)


def group() -> typer.Typer:
    """The same for segctl."""
    commands = typer.Typer(help="The index as a database.", no_args_is_help=True, rich_markup_mode=None)
    commands.command("integrity-check")(check)
    commands.command("reindex")(reindex)
    return commands


def check(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Check the index's pages and every row's checksum. Works whether the server runs or not; changes nothing.

    Exit code 1 when anything is wrong: `seglake rebuild-index` makes the index anew. `seglake fsck` looks at the
    segments as well.

    Example: seglake db-integrity-check
    """
    with following(data_dir, as_json=as_json) as (channel, stages):
        result = run_job(channel, stages, "db.check", {})
    if as_json:
        print_json(result)
    else:
        for line in result["findings"]:
            print(line)
        print("the index is sound" if result["sound"] else "the index is NOT SOUND")
    raise typer.Exit(EXIT_OK if result["sound"] else EXIT_FINDINGS)


def reindex(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Build the database's own indexes anew from its tables. With a server running only in maintenance.

    Example: seglake db-reindex
    """
    with following(data_dir, as_json=as_json) as (channel, stages):
        result = run_job(channel, stages, "db.reindex", {})
    if as_json:
        print_json(result)
    else:
        print("every index of the database was built anew")

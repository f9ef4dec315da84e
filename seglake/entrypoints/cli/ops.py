"""`segctl ops`: the long work of a server: what runs, how far it is, what came of it, its end, and what begins it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import checks, garbage, rebuild, snapshots, status, support
from .output import (
    EXIT_FINDINGS,
    EXIT_OK,
    DataDir,
    Json,
    offline_settings,
    print_columns,
    print_json,
    print_table,
    told,
)

Number = Annotated[int, typer.Argument(metavar="JOB", help="The job's number, as `list` shows it.", min=1)]


def group() -> typer.Typer:
    """The commands."""
    commands = typer.Typer(
        help="Jobs of the running server, and the commands that start them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    commands.command("list")(list_jobs)
    commands.command()(show)
    commands.command()(stop)
    for module in (status, checks, rebuild, support, garbage):
        module.register(commands)
    commands.command()(snapshots.snapshot)
    return commands


def list_jobs(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the last jobs of the running server. Without a server there are none.

    Example: segctl ops list
    """
    found = _ask(data_dir, "job.list", {}, as_json=as_json)
    jobs = [] if found is None else found["jobs"]
    if as_json:
        print_json({"jobs": jobs})
        return
    rows = [
        (str(job["job"]), job["name"], _state(job), _progress(job), job["begun"], job["ended"] or "") for job in jobs
    ]
    print_columns(("job", "name", "state", "done", "begun", "ended"), rows, none="no jobs")


def show(job: Number, *, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show one job of the running server: how far it is, or what came of it.

    Exit code 1 when it failed. Example: segctl ops show 3 --json
    """
    found = _asked(data_dir, "job.status", {"job": job}, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        fields = {name: found[name] for name in ("job", "name", "begun", "ended", "stage")}
        rows = [(name, str(value or "")) for name, value in fields.items()]
        rows += [("state", _state(found)), ("done", _progress(found))]
        rows += [("error", found["error"]["message"])] if found["error"] else []
        rows += [
            (name.replace("_", " "), f"{value:,}" if type(value) is int else str(value))
            for name, value in (found["result"] or {}).items()
            if not isinstance(value, list | dict)
        ]
        print_table(rows)
    raise typer.Exit(EXIT_OK if found["error"] is None else EXIT_FINDINGS)


def stop(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Ask the job that runs to stop; what it did so far stays, and the store is consistent.

    Example: segctl ops stop
    """
    _asked(data_dir, "job.stop", {}, as_json=as_json)
    if as_json:
        print_json({})
    else:
        print("asked it to stop")


def _ask(data_dir: Any, method: str, parameters: dict[str, Any], *, as_json: bool) -> dict[str, Any] | None:
    """The server's answer; None without a server: jobs live and end with the process that runs them."""
    from seglake.adapters.admin_socket.client import AdminClient

    with told(as_json=as_json):
        client = AdminClient(offline_settings(data_dir).data_dir)
        return client.call(method, parameters) if client.is_there() else None


def _asked(data_dir: Any, method: str, parameters: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    from seglake.domain.model.errors import DataDirUnusable

    found = _ask(data_dir, method, parameters, as_json=as_json)
    with told(as_json=as_json):
        if found is None:
            raise DataDirUnusable("no server runs on this data directory, and jobs end with their server")
    return found


def _state(job: dict[str, Any]) -> str:
    if job["error"] is not None:
        return "failed"
    return "done" if job["ended"] else "running"


def _progress(job: dict[str, Any]) -> str:
    total = f"/{job['total']:,}" if job["total"] else ""
    return f"{job['done']:,}{total} {job['unit']}" if job["unit"] else ""

"""`seglake health`: does the server answer? For container health checks and scripts; it needs no key and no lock."""

from __future__ import annotations

from typing import Annotated

import typer

from .output import EXIT_FINDINGS, Json, print_json, told

_TIMEOUT_S = 5.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(health)


def health(
    *,
    url: Annotated[
        str, typer.Option("--url", help="Ask this endpoint. [default: this machine's, by SEGLAKE_ADDR and SEGLAKE_TLS]")
    ] = "",
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Ask the listener of --ops-addr whether the store takes requests, and why not."),
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=60, help="Seconds to wait.")] = _TIMEOUT_S,
    as_json: Json = False,
) -> None:
    """Ask the running server for a sign of life: exit code 0 when it answers, 1 when it does not.

    Examples: seglake health

      seglake health --ready --json

      seglake health --url https://s3.example.org
    """
    from seglake.entrypoints.probe import ask, local_url, ready_url
    from seglake.entrypoints.settings import load_settings

    with told(as_json=as_json):
        answer = ask(url or (ready_url if ready else local_url)(load_settings()), timeout)
    if as_json:
        print_json({"url": answer.url, "healthy": answer.healthy, "reason": answer.reason})
    else:
        print(f"{answer.url}: {answer.reason}")
    if not answer.healthy:
        raise typer.Exit(EXIT_FINDINGS)

"""`seglake server`: one flag for every setting, made from the settings themselves so that none is forgotten."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from seglake.entrypoints.settings import PREFIX, SECTIONS, Settings, SettingsInvalid, flag_name, load_settings

_HELP = """Start the store and serve S3 until SIGINT or SIGTERM.

Flags win over SEGLAKE_... variables, these over the secrets file, over the defaults. Sizes are written as 64MiB or
5GiB, durations as 30s or 10m.

Examples:

  seglake server --data-dir ./data

  seglake server --ephemeral --addr 127.0.0.1:0 --access-key test --secret-key testsecret

Exit codes: 0 stopped by a signal, 2 could not start, 70 the store failed (start it again, it recovers).
"""


class _Sectioned(TyperCommand):
    """Shows the options below the titles of SECTIONS instead of in one list of sixty."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes one list for each title, and a last one for what is not a setting."""
        rows: dict[str, list[tuple[str, str]]] = {}
        title = "Other options"
        for parameter in self.get_params(ctx):
            title = SECTIONS.get(parameter.name or "", title) if parameter.name in Settings.model_fields else "Others"
            record = parameter.get_help_record(ctx)
            if record is not None:
                rows.setdefault(title, []).append(record)
        for heading, records in rows.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(help=_HELP, cls=_Sectioned)(_command())


def _command() -> Any:
    def server(**flags: Any) -> None:
        from seglake.entrypoints.server import EXIT_CANNOT_START, serve

        try:
            settings = load_settings(**flags)
        except SettingsInvalid as error:
            for problem in error.problems:
                typer.echo(f"seglake: {problem}", err=True)
            raise typer.Exit(EXIT_CANNOT_START) from None
        raise typer.Exit(serve(settings))

    parameters = [_parameter(name, field) for name, field in Settings.model_fields.items()]
    server.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    server.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return server


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """A flag that is None unless it was given; the settings do the parsing, for flags and variables alike."""
    flag = flag_name(name)
    kind: Any = str | None
    if field.annotation is bool:
        kind, flag = bool | None, f"{flag}/--no-{flag.removeprefix('--')}"
    elif name.endswith(("_dir", "_file")) or name in ("tls_cert", "tls_key"):
        kind = Path | None
    default = "" if field.default in (None, "", ()) else f" [default: {shown_default(field)}]"
    text = f"{field.description} [env var: {PREFIX}{name.upper()}]{default}"
    option = typer.Option(flag, help=text, show_default=False)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def shown_default(field: FieldInfo) -> str:
    """A setting's default as people write it: a size with its unit, a duration in seconds."""
    value = field.default
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        # Durations are read as text too; a share is a plain number.
        return f"{value:g}s" if any(isinstance(one, BeforeValidator) for one in field.metadata) else f"{value:g}"
    if isinstance(value, int) and value >= 1024:
        for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value % size == 0:
                return f"{value // size}{unit}"
    return str(value)

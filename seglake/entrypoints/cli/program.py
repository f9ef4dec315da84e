"""What `seglake` and `segctl` have in common: how they explain themselves, and which version they are."""

from typing import Annotated

import typer

import seglake


def program(name: str, text: str) -> typer.Typer:
    """A program without commands yet; ``text`` is what its --help begins with."""
    app = typer.Typer(
        name=name,
        help=text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"{name} {seglake.__version__}")
            raise typer.Exit

    def options(
        *,
        version: Annotated[
            bool, typer.Option("--version", help="Show the version and exit.", callback=show_version, is_eager=True)
        ] = False,
    ) -> None:
        pass

    app.callback()(options)
    return app

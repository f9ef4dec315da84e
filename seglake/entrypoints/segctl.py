"""`segctl` administers a store: users, keys, buckets, policies. A running server is asked, else the store itself.

Exit codes: 0 fine, 1 a no (refused by a policy, no such bucket, no policy), 2 wrong usage, a refusal, or a store that
cannot be used.
"""

from __future__ import annotations

from typing import Annotated

import typer

import seglake

from .cli import access_keys, buckets, database, lifecycle, maintenance, policies, ring_keys, stats, users

_HELP = """Administer a Seglake store: users, keys, buckets and policies.

While a server runs on the data directory it does the work (through a socket in the directory); otherwise the command
does it itself. The results are the same. Run it as the server's user, or as root.

Examples:

  segctl user create alice

  segctl key create --user alice --policy ro --bucket photos

  segctl policy explain --user alice s3:PutObject photos/cat.jpg

Exit codes: 0 fine, 1 the answer is no, 2 wrong usage, a refusal, or a store that cannot be used.
"""

app = typer.Typer(
    name="segctl",
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segctl {seglake.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.add_typer(users.group(), name="user")
app.add_typer(access_keys.group(), name="key")
app.add_typer(buckets.group(), name="bucket")
app.add_typer(policies.bucket_policy_group(), name="bucket-policy")
app.add_typer(policies.policy_group(), name="policy")
app.add_typer(ring_keys.group(), name="kms-key")
app.add_typer(lifecycle.group())
app.add_typer(maintenance.group(), name="maintenance")
app.add_typer(database.group(), name="db")
stats.register(app)


def main() -> None:
    """The console script."""
    app(prog_name="segctl")

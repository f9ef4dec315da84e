"""`segctl` administers a store: users, keys, buckets, policies. A running server is asked, else the store itself.

Exit codes: 0 fine, 1 a no (refused by a policy, no such bucket, no policy), 2 wrong usage, a refusal, or a store that
cannot be used.
"""

from __future__ import annotations

from .cli import access_keys, buckets, database, lifecycle, maintenance, ops, policies, ring_keys, stats, users
from .cli.program import program

_HELP = """Administer a Seglake store: users, keys, buckets and policies.

While a server runs on the data directory it does the work (through a socket in the directory); otherwise the command
does it itself. The results are the same. Run it as the server's user, or as root.

Examples:

  segctl user create alice

  segctl key create --user alice --policy ro --bucket photos

  segctl policy explain --user alice s3:PutObject photos/cat.jpg

Exit codes: 0 fine, 1 the answer is no, 2 wrong usage, a refusal, or a store that cannot be used.
"""

app = program("segctl", _HELP)


app.add_typer(users.group(), name="user")
app.add_typer(access_keys.group(), name="key")
app.add_typer(buckets.group(), name="bucket")
app.add_typer(policies.bucket_policy_group(), name="bucket-policy")
app.add_typer(policies.policy_group(), name="policy")
app.add_typer(ring_keys.group(), name="kms-key")
app.add_typer(lifecycle.group())
app.add_typer(maintenance.group(), name="maintenance")
app.add_typer(database.group(), name="db")
app.add_typer(ops.group(), name="ops")
stats.register(app)


def main() -> None:
    """The console script."""
    app(prog_name="segctl")

"""Every command is registered here, in the order in which `seglake --help` shows them.

Exit codes of all commands: 0 fine, 1 there are findings, 2 wrong usage or a store that cannot be used.
"""

from __future__ import annotations

from . import (
    buckets,
    checks,
    database,
    garbage,
    health,
    inspect,
    keys,
    lifecycle,
    maintenance,
    policies,
    rebuild,
    ring_keys,
    server,
    snapshots,
    status,
    support,
    users,
)
from .program import program

app = program("seglake", "Seglake: an S3 object store that keeps what it has acknowledged.")


server.register(app)
health.register(app)
status.register(app)
checks.register(app)
rebuild.register(app)
inspect.register(app)
lifecycle.register(app)
snapshots.register(app)
support.register(app)
database.register(app)
garbage.register(app)
maintenance.register(app)
keys.register(app)
app.add_typer(users.group(), name="users")
app.add_typer(buckets.group(), name="buckets")
app.add_typer(policies.bucket_policy_group(), name="bucket-policy")
app.add_typer(policies.policy_group(), name="policy")
app.add_typer(ring_keys.group(), name="kms-keys")

"""The schema grows by numbered migrations, each in its own transaction; a database from the future is left alone.

Tables, columns and checksums are described in docs/formats/metadata.md.
"""

from __future__ import annotations

from typing import NamedTuple

import apsw

from seglake.domain.model.errors import DataDirUnusable

APPLICATION_ID = 0x5347_4C4B
"""``SGLK``: tells this database from any other SQLite file."""


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    statements: tuple[str, ...]


_CORE = (
    """CREATE TABLE site(
        one INTEGER PRIMARY KEY CHECK(one = 1),
        site INTEGER NOT NULL,
        ticks INTEGER NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE buckets(
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        site INTEGER NOT NULL,
        versioning TEXT NOT NULL,
        owner TEXT NOT NULL,
        region TEXT NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE versions(
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        ticks INTEGER NOT NULL,
        site INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        is_null INTEGER NOT NULL,
        state INTEGER NOT NULL,
        size INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified_ms INTEGER NOT NULL,
        owner TEXT NOT NULL,
        storage_class TEXT NOT NULL,
        checksum TEXT NOT NULL,
        manifest_id INTEGER NOT NULL,
        row_sum INTEGER NOT NULL,
        PRIMARY KEY(bucket_id, key, ticks DESC, site DESC)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE manifests(
        id INTEGER PRIMARY KEY,
        manifest BLOB NOT NULL,
        tags TEXT,
        segment BLOB NOT NULL,
        offset INTEGER NOT NULL,
        length INTEGER NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE multipart_uploads(
        id TEXT PRIMARY KEY,
        bucket_id INTEGER NOT NULL,
        key BLOB NOT NULL,
        ticks INTEGER NOT NULL,
        site INTEGER NOT NULL,
        running INTEGER NOT NULL,
        upload BLOB NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE INDEX multipart_running ON multipart_uploads(bucket_id, key, ticks, site, id)
        WHERE running = 1""",
    """CREATE TABLE multipart_parts(
        upload TEXT NOT NULL,
        number INTEGER NOT NULL,
        part BLOB NOT NULL,
        segment BLOB NOT NULL,
        offset INTEGER NOT NULL,
        length INTEGER NOT NULL,
        row_sum INTEGER NOT NULL,
        PRIMARY KEY(upload, number)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE api_keys(
        access_key TEXT PRIMARY KEY,
        sealed BLOB NOT NULL,
        user TEXT NOT NULL,
        policy TEXT NOT NULL,
        buckets TEXT NOT NULL,
        enabled INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE segments(
        id BLOB PRIMARY KEY,
        state INTEGER NOT NULL,
        committed INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        footer BLOB NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

_CONFIGURATION = (
    "ALTER TABLE buckets ADD COLUMN configured INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE manifests ADD COLUMN locked TEXT",
    "ALTER TABLE manifests ADD COLUMN acl TEXT",
    """CREATE TABLE bucket_configs(
        bucket_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        row_sum INTEGER NOT NULL,
        PRIMARY KEY(bucket_id, kind)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE users(
        name TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE ring_keys(
        name TEXT PRIMARY KEY,
        ring_key BLOB NOT NULL,
        row_sum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE notes(
        name TEXT PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "core tables", _CORE),
    Migration(2, "configuration, users and locks", _CONFIGURATION),
)

_LEDGER = """CREATE TABLE schema_migrations(
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_ms INTEGER NOT NULL
) STRICT"""


def migrate(connection: apsw.Connection, now_ms: int, migrations: tuple[Migration, ...] = MIGRATIONS) -> list[int]:
    """Brings the schema up to date; returns the numbers applied. DataDirUnusable for a newer or a foreign database."""
    applied = _applied(connection, migrations)
    done = []
    for migration in migrations[len(applied) :]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if migration.number == 1:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(_LEDGER)
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_migrations VALUES(?, ?, ?)", (migration.number, migration.name, now_ms)
            )
            connection.execute("COMMIT")
        except BaseException:
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            raise
        done.append(migration.number)
    return done


def _applied(connection: apsw.Connection, migrations: tuple[Migration, ...]) -> list[tuple[int, str]]:
    """What was applied before; refuses what this program did not write or does not know yet."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    application_id: int = connection.execute("PRAGMA application_id").get
    if not tables and application_id == 0:
        return []
    if application_id != APPLICATION_ID or "schema_migrations" not in tables:
        raise DataDirUnusable("meta.db is a SQLite database of another program; give Seglake a directory of its own")
    applied: list[tuple[int, str]] = list(connection.execute("SELECT number, name FROM schema_migrations ORDER BY 1"))
    known = [(migration.number, migration.name) for migration in migrations]
    if len(applied) > len(known):
        raise DataDirUnusable(
            f"meta.db has schema {applied[-1][0]}, this program knows {known[-1][0]}; use the Seglake that wrote it"
        )
    if applied != known[: len(applied)]:
        raise DataDirUnusable("meta.db has a schema that no release of Seglake made; run `seglake rebuild-index`")
    return applied

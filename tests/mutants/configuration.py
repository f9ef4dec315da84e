"""Ways to break what buckets are configured with, how it is kept, and what cannot be configured."""

from __future__ import annotations

from .mutant import Edit, Mutant

_CONTRACT = "tests/unit/adapters/sqlite/test_store.py"
_MEMORY = "tests/unit/adapters/memory/test_metadata.py"
_MIGRATION = "tests/unit/adapters/sqlite/test_migration.py"
_DAMAGE = "tests/unit/adapters/sqlite/test_damage.py"
_DOCUMENTS = "tests/unit/adapters/s3_protocol/documents/test_unconfigured.py"
_HANDLERS = "tests/unit/adapters/http_s3/handlers/test_unconfigured.py"

CONFIGURATION = (
    Mutant(
        "a text that was undone is remembered",
        (_CONTRACT, "-k", "texts"),
        (Edit("adapters/sqlite/view.py", "remembers=False", "remembers=True"),),
    ),
    Mutant(
        "texts outlive their bucket",
        (_CONTRACT, _MEMORY, "-k", "texts_go_with_their_bucket"),
        (Edit("domain/services/apply.py", "            tables.configs.drop(event.bucket_id)\n", ""),),
    ),
    Mutant(
        "a lock is not undone with its script",
        (_MEMORY, "-k", "failed_script_protected"),
        (Edit("adapters/memory/access_tables.py", "self._undo.append(lambda: self._place(name, old))", "pass"),),
    ),
    Mutant(
        "the checksum of a row does not cover its lock",
        (_DAMAGE, _MIGRATION),
        (
            Edit(
                "adapters/sqlite/tables/sums.py",
                "if locked is not None or acl is not None:",
                "if acl is not None and not acl:",
            ),
        ),
    ),
    Mutant(
        "a row from before a migration counts as damaged",
        (_MIGRATION,),
        (
            Edit(
                "adapters/sqlite/tables/buckets.py",
                "(bucket_id, site, configured) if configured else (bucket_id, site)",
                "(bucket_id, site, configured)",
            ),
        ),
    ),
    Mutant(
        "an event may have fields that nobody knows",
        ("tests/unit/adapters/disk_format/test_events.py",),
        (
            Edit(
                "adapters/disk_format/events.py",
                """    cbor.nothing_left(fields, f"an event of the kind {kind!r}")\n""",
                "",
            ),
        ),
    ),
    Mutant(
        "what cannot be configured is taken and forgotten",
        (_DOCUMENTS,),
        (Edit("adapters/s3_protocol/documents/unconfigured.py", "Element(refused=True)", "Element()"),),
    ),
    Mutant(
        "a word that asks for more is taken and forgotten",
        (_DOCUMENTS,),
        (Edit("adapters/s3_protocol/documents/unconfigured.py", "if word == refused:", "if word is None:"),),
    ),
    Mutant(
        "a missing bucket seems to have no configuration",
        (_HANDLERS,),
        (Edit("adapters/http_s3/handlers/unconfigured.py", "    x.services.buckets.get(x.bucket)\n", ""),),
    ),
    Mutant(
        "an operation is forgotten in the inventory",
        ("tests/unit/test_inventory.py",),
        (Edit("adapters/s3_protocol/routing.py", "        _row(Operation.GetBucketWebsite),\n", ""),),
    ),
)

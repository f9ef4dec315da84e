"""What a support bundle tells: enough to understand a store, nothing that opens it, and no name of anybody's object.

Secrets are not taken out of it: they are never put in. Settings are listed with secret ones masked; of access keys,
users and policies there are counts only; lines of the index's check, which may quote rows, are reduced to the table's
name. Object keys and bucket names appear as short hashes unless they are asked for.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import SecretStr

import seglake
from seglake.domain.model.errors import SeglakeError
from seglake.domain.ports.long_reads import LongReads
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.progress import Stages
from seglake.domain.services.findings import Finding
from seglake.domain.services.maintenance import maintenance_of

from .apart import RunFsck, RunStatus
from .redaction import REDACTED, Redactor
from .selection import AdapterContext
from .settings import Settings

FINDINGS_MAX = 1000
SEGMENTS_MAX = 10_000
LOG_BYTES_MAX = 2 << 20
_PACKAGES = ("apsw", "aiohttp", "uvloop", "awscrt", "blake3", "cbor2", "cryptography", "pydantic", "typer", "structlog")
_SECRET = re.compile(r"secret|passw|token|(?:access|master|signing)_key$|key_file|credential", re.IGNORECASE)
_SHOWN_FIELDS = frozenset(
    {
        *("timestamp", "level", "event", "status", "method", "ms", "seconds", "outcome", "code", "kind", "segment"),
        *("offset", "bytes", "scripts", "job", "name", "parameters", "uid", "pid", "request_id", "waited_s", "cut_off"),
    }
)


def hashed(text: str) -> str:
    """A short hash that tells equal names from different ones and nothing more (SHA-256, 12 hex digits)."""
    return "#" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def gather(
    context: AdapterContext,
    metadata: MetadataStore,
    reads: LongReads,
    stages: Stages,
    *,
    serving: bool,
    with_keys: bool,
) -> dict[str, Any]:
    """The documents of a bundle by file name; each is what JSON knows. A part that cannot be had says why."""
    stages("gathering", "documents").total(4)
    return {
        "versions.json": versions(),
        "settings.json": shown_settings(context.settings),
        "status.json": _or_reason(lambda: _status(context, metadata, reads, stages, with_keys=with_keys)),
        "segments.json": _or_reason(lambda: {"segments": metadata.read(_segments)}),
        "checks.json": _or_reason(lambda: _checks(reads, stages, serving=serving, with_keys=with_keys)),
    }


def _or_reason(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A damaged store needs support most of all."""
    try:
        return part()
    except SeglakeError as error:
        return {"error": type(error).__name__}


def versions() -> dict[str, Any]:
    """Of the program, its libraries and the machine."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "seglake": seglake.__version__,
        "python": sys.version,
        "platform": platform.platform(),
        "packages": found,
    }


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Every setting, secret ones masked."""
    shown = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        secret = isinstance(value, SecretStr) or (_SECRET.search(name) and value is not None)
        shown[name] = REDACTED if secret and value is not None else _plain(value)
    return shown


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)


def _status(
    context: AdapterContext, metadata: MetadataStore, reads: LongReads, stages: Stages, *, with_keys: bool
) -> dict[str, Any]:
    found = reads.run(RunStatus(live=False), stages)
    name: Callable[[str], str] = str if with_keys else hashed
    rest = metadata.read(lambda view: _counts(view, name))
    return {
        "site": f"{found.site:08x}",
        "newest": str(found.newest),
        "objects": found.objects,
        "versions": found.versions,
        "markers": found.markers,
        "uploads": found.uploads,
        "object_bytes": found.object_bytes,
        "segments_open": found.segments_open,
        "segments_sealed": found.segments_sealed,
        "segment_bytes": found.segment_bytes,
        "free_bytes": None if context.files is None else context.files.free_bytes(),
        "now_ms": context.clock.now_ms(),
        **rest,
    }


def _counts(view: MetadataView, name: Callable[[str], str]) -> dict[str, Any]:
    maintenance = maintenance_of(view)
    return {
        "maintenance": {"state": maintenance.state.value, "since_ms": maintenance.since_ms},
        "access_keys": sum([1 for _ in view.credentials.scan()]),
        "users": sum([1 for _ in view.users.scan()]),
        "ring_keys": sum([1 for _ in view.ring_keys.scan()]),
        "buckets": [
            {
                "name": name(bucket.name),
                "versioning": bucket.versioning.name,
                "configured": [kind.name for kind in sorted(view.configs.of(bucket))],
            }
            for bucket in view.buckets.scan()
        ],
    }


def _segments(view: MetadataView) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for row in view.segments.scan():
        if len(rows) == SEGMENTS_MAX:
            break
        rows.append(
            {"id": row.id.hex(), "state": row.state.name, "committed": row.committed, "created_ms": row.created_ms}
        )
    return rows


def _checks(reads: LongReads, stages: Stages, *, serving: bool, with_keys: bool) -> dict[str, Any]:
    """fsck, with a server or without one."""
    report = reads.run(RunFsck(served=serving, deep=False), stages)
    return {
        "sound": report.sound,
        "versions": report.versions,
        "parts": report.parts,
        "segments": report.segments,
        "findings": [_finding(found, with_keys=with_keys) for found in report.findings[:FINDINGS_MAX]],
        "findings_in_all": len(report.findings),
    }


def _table_of(line: str) -> str:
    table, colon, _ = line.partition(":")
    return table if colon and table.isidentifier() else "index"


def _finding(found: Finding, *, with_keys: bool) -> dict[str, str]:
    if found.where == "index":
        # Such a line may quote a row, and a row of keys or users holds what is nobody's business.
        return {"severity": str(found.severity), "where": "index", "text": _table_of(found.text)}
    if found.where.startswith("segment "):
        return {"severity": str(found.severity), "where": found.where, "text": found.text}
    where = found.where if with_keys else hashed(found.where)
    return {"severity": str(found.severity), "where": where, "text": found.text if with_keys else ""}


def log_lines(lines: Iterable[str], *, with_keys: bool) -> list[str]:
    """Lines of a log that are fit to be shown: those in JSON, with what may name objects or people hashed.

    Lines for people are left out without ``with_keys``: what stands where in them is not certain.
    """
    redactor = Redactor()
    out = []
    for line in lines:
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if isinstance(fields, dict):
            clean = redactor(None, "", {str(name): value for name, value in fields.items()})
            shown = {name: value if with_keys else _field(name, value) for name, value in clean.items()}
            out.append(json.dumps(shown, ensure_ascii=True))
        elif with_keys:
            out.append(redactor.text(line.rstrip("\n")))
    return out


def _field(name: str, value: Any) -> Any:
    if name in _SHOWN_FIELDS or value is None or isinstance(value, bool | int | float):
        return value
    return hashed(value if isinstance(value, str) else json.dumps(value, sort_keys=True))

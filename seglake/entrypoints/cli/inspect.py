"""`seglake inspect`: any segment or manifest pack as a person can read it, damage included; needs no store, no lock."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seglake.domain.model.errors import FormatDamaged, SeglakeError, UnknownFormat
from seglake.domain.model.hlc import HLC
from seglake.entrypoints.cli.output import EXIT_FINDINGS, EXIT_OK, Json, told

if TYPE_CHECKING:
    from seglake.domain.model.events import Event
    from seglake.domain.ports.files import File

Line = tuple[str, dict[str, Any]]
"""A section of the document (``header``, ``records``, ``footer``, ``damage``) and one entry for it."""
Target = Annotated[Path, typer.Argument(help="The file to show.", metavar="FILE", show_default=False)]

SEGMENT_LISTS = ("records", "damage")
PACK_LISTS = ("events", "damage")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    commands = typer.Typer(
        name="inspect",
        help="Show what a segment or a manifest pack holds, record by record. Exit code 1 when something is damaged.",
        no_args_is_help=True,
    )
    commands.command()(segment)
    commands.command()(manifest)
    app.add_typer(commands)


def segment(file: Target, *, as_json: Json = False) -> None:
    """Show a segment: its header, each record with its hash checked and its event decoded, its footer.

    Example: seglake inspect segment data/objects/segments/018f....seg
    """
    with told(as_json=as_json):
        damaged = _show(_opened(file), _segment_lines, as_json=as_json, lists=SEGMENT_LISTS)
    raise typer.Exit(EXIT_FINDINGS if damaged else EXIT_OK)


def manifest(file: Target, *, as_json: Json = False) -> None:
    """Show a manifest pack: which segment it belongs to, and every event in it.

    Example: seglake inspect manifest data/objects/manifests/018f....mfp --json
    """
    with told(as_json=as_json):
        damaged = _show(_opened(file), _pack_lines, as_json=as_json, lists=PACK_LISTS)
    raise typer.Exit(EXIT_FINDINGS if damaged else EXIT_OK)


def _opened(path: Path) -> File:
    from seglake.adapters.filesystem.os_files import OsFileSystem

    return OsFileSystem(path.parent).open(path.name)


def _show(file: File, lines: Any, *, as_json: bool, lists: tuple[str, ...]) -> bool:
    """Prints everything, one entry at a time; True when something is damaged."""
    show = _Document(lists) if as_json else _Text()
    damaged = False
    try:
        for section, entry in lines(file):
            damaged = damaged or section == "damage"
            show.add(section, entry)
    finally:
        file.close()
    show.end()
    return damaged


def _segment_lines(file: File) -> Iterator[Line]:
    from seglake.adapters.disk_format.records import RecordCodec
    from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES, decode_segment_header
    from seglake.adapters.disk_format.walk import walk
    from seglake.adapters.filesystem.patient import patient_read
    from seglake.adapters.filesystem.sealing import read_footer

    read, size = patient_read(file), file.size()
    try:
        header, sound = decode_segment_header(read(SEGMENT_HEADER_BYTES, 0))
    except FormatDamaged as error:
        yield _damage(error.offset, error.what)
        return
    yield (
        "header",
        {
            "segment": header.segment.hex(),
            "writer": header.writer.hex(),
            "created_ms": header.created_ms,
            "bytes": size,
            "copies": sound,
        },
    )
    if sound < 2:
        yield _damage(0, "one of two header copies is damaged")
    codec = RecordCodec(header.segment, header.key)
    sealed = read_footer(file, codec, size)
    end = size if sealed is None else sealed[0].end
    for found in walk(read, codec, SEGMENT_HEADER_BYTES, end):
        yield from _record_lines(found)
    if sealed is None:
        yield "footer", {"sealed": False}
        return
    footer, digest = sealed
    yield (
        "footer",
        {
            "sealed": True,
            "offset": footer.end,
            "chunks": footer.chunk_count,
            "events": footer.event_count,
            "chunk_bytes": footer.records.chunk_bytes,
            "event_bytes": footer.records.event_bytes,
            "gap_bytes": footer.gap_bytes,
            "blake3": digest.hex(),
        },
    )
    if footer.gap_bytes:
        yield _damage(footer.end, f"{footer.gap_bytes} acknowledged bytes were lost before it was sealed")


def _record_lines(found: Any) -> Iterator[Line]:
    from blake3 import blake3

    from seglake.adapters.disk_format.events import decode_event
    from seglake.adapters.disk_format.records import RecordKind
    from seglake.adapters.disk_format.walk import Gap

    if isinstance(found, Gap):
        yield _damage(found.offset, f"{found.reason} ({found.length} bytes)")
        return
    intact = blake3(found.payload).digest() == found.digest
    entry: dict[str, Any] = {
        "offset": found.offset,
        "sequence": found.sequence,
        "kind": RecordKind(found.kind).name.lower(),
        "length": found.length,
        "blake3": found.digest.hex(),
        "hash": "ok" if intact else "DIFFERS",
    }
    trouble = "" if intact else "the payload does not match its BLAKE3"
    if found.kind == RecordKind.EVENT and intact:
        try:
            entry["event"] = _event(decode_event(found.payload))
        except (FormatDamaged, UnknownFormat) as error:
            trouble = error.hint
    yield "records", entry
    if trouble:
        yield _damage(found.offset, trouble)


def _pack_lines(file: File) -> Iterator[Line]:
    from seglake.adapters.disk_format.events import decode_event
    from seglake.adapters.disk_format.pack import check_pack, entries

    size = file.size()
    try:
        head, count = check_pack(file.pread, size)
        yield (
            "header",
            {
                "segment": head.segment.hex(),
                "footer": head.footer.hex(),
                "created_ms": head.created_ms,
                "bytes": size,
                "events": count,
            },
        )
    except FormatDamaged as error:
        yield _damage(error.offset, error.what)
    try:
        for offset, length, payload in entries(file.pread, size):
            yield "events", {"offset": offset, "length": length, "event": _event(decode_event(payload))}
    except SeglakeError as error:
        yield _damage(getattr(error, "offset", 0), error.hint)


def _damage(offset: int, text: str) -> Line:
    return "damage", {"offset": offset, "text": text}


def _event(event: Event) -> dict[str, Any]:
    fields = _plain(event)
    return {"type": type(event).__name__, **fields}


def _plain(value: Any) -> Any:
    """A value of the model as JSON knows it; a sealed secret is not shown, only that there is one."""
    if isinstance(value, HLC):
        return str(value)
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        names = getattr(value, "_asdict", None)
        return _plain_fields(names()) if names is not None else [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return _plain_fields({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    return value


def _plain_fields(fields: dict[str, Any]) -> dict[str, Any]:
    out = {}
    for name, value in fields.items():
        out[name] = f"({len(value)} sealed bytes)" if name == "sealed" else _plain(value)
    return out


class _Document:
    """One JSON document, written entry by entry: a segment has hundreds of thousands of records."""

    def __init__(self, lists: tuple[str, ...]) -> None:
        self._lists = lists
        self._damage: list[dict[str, Any]] = []
        self._open = ""
        self._written: set[str] = set()
        print("{", end="")

    def add(self, section: str, entry: dict[str, Any]) -> None:
        """Writes an entry; damage is kept for the end, where it has a list of its own."""
        if section == "damage":
            self._damage.append(entry)
        elif section in self._lists:
            if self._open != section:
                self._begin(section, "[")
                self._open = section
                print("\n    ", end="")
            else:
                print(",\n    ", end="")
            print(json.dumps(entry, ensure_ascii=False), end="")
        else:
            self._close()
            self._begin(section, json.dumps(entry, ensure_ascii=False))

    def end(self) -> None:
        """Writes what has not been written yet."""
        self._close()
        for name in self._lists:
            if name != "damage" and name not in self._written:
                self._begin(name, "[]")
        self._begin("damage", json.dumps(self._damage, ensure_ascii=False))
        print("\n}")

    def _begin(self, name: str, text: str) -> None:
        print("," if self._written else "", end="")
        print(f'\n  "{name}": {text}', end="")
        self._written.add(name)

    def _close(self) -> None:
        if self._open:
            print("\n  ]", end="")
            self._open = ""


class _Text:
    """Lines for a person."""

    def add(self, section: str, entry: dict[str, Any]) -> None:
        """Prints one entry."""
        if section == "damage":
            print(f"DAMAGE at byte {entry['offset']}: {entry['text']}")
        elif section in ("records", "events"):
            rest = dict(entry)
            event = rest.pop("event", None)
            print("  ".join([f"{name}={value}" for name, value in rest.items()]))
            if event is not None:
                print(f"    {json.dumps(event, ensure_ascii=False)}")
        else:
            print(f"{section}: " + "  ".join([f"{name}={value}" for name, value in entry.items()]))

    def end(self) -> None:
        """Nothing is left to print."""

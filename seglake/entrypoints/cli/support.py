"""`seglake support-bundle`: one file to send to whoever helps, without secrets and without names of objects."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Annotated, Any

import typer

from seglake.adapters.filesystem.os_files import OsFileSystem

from .jobs import following, run_job
from .output import DataDir, Json, human_size, print_json, told


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("support-bundle")(support_bundle)


def support_bundle(
    file: Annotated[Path, typer.Argument(help="The file to make, as bundle.tar.gz.", show_default=False)],
    *,
    log: Annotated[
        Path | None,
        typer.Option("--log", help="A log of the server (JSON lines): its end is put in, redacted."),
    ] = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Show bucket names and object keys instead of hashes of them.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Gather versions, settings (redacted), status, segments, checks and the last jobs in one file.

    No secret is in it, sealed or clear, and no policy. Works whether the server runs or not.

    Example: seglake support-bundle bundle.tar.gz --log server.log
    """
    from seglake.entrypoints.support import LOG_BYTES_MAX, log_lines

    with told(as_json=as_json):
        lines = None if log is None else log_lines(_tail(log, LOG_BYTES_MAX), with_keys=with_keys)
    with following(data_dir, as_json=as_json) as (channel, stages):
        documents: dict[str, Any] = run_job(channel, stages, "support.start", {"with_keys": with_keys})
        documents = {**documents, "jobs.json": channel.call("job.list", {})}
    texts = {name: json.dumps(document, indent=2) + "\n" for name, document in documents.items()}
    if lines is not None:
        texts["log.jsonl"] = "".join([line + "\n" for line in lines])
    with told(as_json=as_json):
        size = _write(file, texts)
    if as_json:
        print_json({"file": str(file), "bytes": size, "documents": sorted(texts)})
    else:
        print(f"{file}: {human_size(size)}, {', '.join(sorted(texts))}")


def _tail(path: Path, size: int) -> list[str]:
    """The whole lines among the last ``size`` bytes of a file."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - size))
        data = file.read(size)
    lines = data.decode("utf-8", "replace").splitlines()
    return lines[1:] if length > size else lines


def _write(path: Path, texts: dict[str, str]) -> int:
    """Makes the archive, for its owner alone; never replaces a file. Its size in bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in sorted(texts.items()):
            data = text.encode()
            entry = tarfile.TarInfo(f"seglake-support/{name}")
            entry.size, entry.mode = len(data), 0o600
            tar.addfile(entry, io.BytesIO(data))
    data = buffer.getvalue()
    full = path.absolute()
    out = OsFileSystem(full.parent).open(full.name, create=True)
    try:
        out.pwritev([data], 0)
    finally:
        out.close()
    return len(data)

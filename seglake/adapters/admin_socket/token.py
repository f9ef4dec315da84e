"""The token of the admin channel: new at every start, readable by the server's user alone, never half written."""

from __future__ import annotations

import hmac
import re
from pathlib import Path

from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.system import Randomness

TOKEN_FILE = ".seglake-admin.token"  # noqa: S105 - the name of a file
TOKEN_BYTES = 32
_TOKEN = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TEMPORARY = f"{TOKEN_FILE}.tmp"


def publish_token(files: FileSystem, randomness: Randomness) -> str:
    """Makes a token and puts it into the data directory, whole and with mode 0600. OSError.

    Nothing is synced: a power failure ends the server, and the next start makes another.
    """
    token = randomness.bytes(TOKEN_BYTES).hex()
    if files.exists(_TEMPORARY):
        files.remove(_TEMPORARY)
    file = files.open(_TEMPORARY, create=True)
    try:
        file.pwritev([f"{token}\n".encode()], 0)
    finally:
        file.close()
    files.rename(_TEMPORARY, TOKEN_FILE)
    return token


def withdraw_token(files: FileSystem) -> None:
    """Removes the file. OSError."""
    if files.exists(TOKEN_FILE):
        files.remove(TOKEN_FILE)


def read_token(data_dir: Path) -> str | None:
    """The token of the server on this directory; None when there is none. OSError when it may not be read.

    What does not look like a token is none: a link to some other file is never sent to anybody.
    """
    try:
        with (data_dir / TOKEN_FILE).open("rb") as file:
            text = file.read(TOKEN_BYTES * 2 + 2).decode("ascii", "replace").removesuffix("\n")
    except FileNotFoundError:
        return None
    return text if _TOKEN.fullmatch(text) else None


def is_bearer(header: str, token: str) -> bool:
    """Whether an Authorization header bears the token; compared in constant time (RFC 6750, section 2.1)."""
    return hmac.compare_digest(header.encode("utf-8", "surrogateescape"), f"Bearer {token}".encode())

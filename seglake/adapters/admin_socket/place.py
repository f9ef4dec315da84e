"""The socket lies in the data directory under a fixed name, however long the path to it is."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOCKET_FILE = ".seglake-admin.sock"
_SUN_PATH_MAX = 107
"""Bytes of a socket's path (unix(7): sun_path has 108, the last is zero)."""

_BACKLOG = 16


@contextmanager
def socket_path(data_dir: Path) -> Iterator[str]:
    """A path of the socket that is short enough; it leads there while the block runs. OSError."""
    path = str(data_dir.absolute() / SOCKET_FILE)
    if len(os.fsencode(path)) <= _SUN_PATH_MAX:
        yield path
        return
    # A directory that is open has a short name of its own (proc(5), /proc/self/fd).
    descriptor = os.open(data_dir, os.O_PATH | os.O_DIRECTORY)  # noqa: TID251 - names a directory, opens no file
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_FILE}"
    finally:
        os.close(descriptor)


def bind_socket(data_dir: Path) -> socket.socket:
    """A listening socket, mode 0600 from its first moment, in place of one that a dead server left behind.

    Whoever calls holds the directory's lock, so no living server listens there. OSError, also when something that is
    no socket has the name.
    """
    place = data_dir / SOCKET_FILE
    if os.path.lexists(place):
        if not stat.S_ISSOCK(os.lstat(place).st_mode):
            raise FileExistsError(f"{place} is in the way and is no socket; remove it")
        os.unlink(place)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux gives the file the mode of the socket, less the umask.
        os.fchmod(listening.fileno(), 0o600)
        with socket_path(data_dir) as path:
            listening.bind(path)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def remove_socket(data_dir: Path) -> None:
    """Takes the name away. OSError."""
    (data_dir / SOCKET_FILE).unlink(missing_ok=True)


def connect_socket(data_dir: Path, timeout_s: float) -> socket.socket:
    """A connection to the server on this directory. OSError: nobody listens, or this user may not connect."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        with socket_path(data_dir) as path:
            connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection

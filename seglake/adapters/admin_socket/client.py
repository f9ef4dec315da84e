"""The admin channel's client: one call, one answer, over the socket in a data directory. Blocking."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seglake.domain.model.errors import SeglakeError

from .messages import API_VERSION, BODY_BYTES_MAX, too_large
from .operation import Result
from .place import SOCKET_FILE, connect_socket
from .token import TOKEN_FILE, read_token

TIMEOUT_S = 60.0
ANSWER_BYTES_MAX = 64 << 20


class AdminUnreachable(SeglakeError):
    """A server may be there, but this process cannot use its admin channel; the text says why."""


class AdminRefused(SeglakeError):
    """The server refused the call; ``code`` is its word for why."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(hint)
        self.code = code


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, connected: socket.socket) -> None:
        super().__init__("localhost")
        self.sock = connected

    def connect(self) -> None:
        """One connection, one call: an answer that closed it is not followed by another."""
        raise ConnectionError("the server closed the connection")


class AdminClient:
    """Calls the server on a data directory; each call has a connection of its own."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    def is_there(self) -> bool:
        """Whether a server listens. AdminUnreachable when this user may not ask it."""
        try:
            connect_socket(self._data_dir, TIMEOUT_S).close()
        except PermissionError:
            raise self._not_allowed() from None
        except OSError:
            return False
        return True

    def call(self, method: str, parameters: Mapping[str, Any]) -> Result:
        """The result of a call. AdminRefused, AdminUnreachable; CallRefused when it is too large to be sent."""
        body = json.dumps(parameters).encode()
        if len(body) > BODY_BYTES_MAX:
            raise too_large()
        return self._ask("POST", f"/v{API_VERSION}/{method}", body)

    def describe(self) -> Result:
        """The server's version and its methods. AdminRefused, AdminUnreachable."""
        return self._ask("GET", f"/v{API_VERSION}", None)

    def _ask(self, verb: str, path: str, body: bytes | None) -> Result:
        try:
            token = read_token(self._data_dir)
            if token is None:
                raise AdminUnreachable(f"there is no token in {self._data_dir / TOKEN_FILE}; is the server starting?")
            connection = _UnixConnection(connect_socket(self._data_dir, TIMEOUT_S))
        except PermissionError:
            raise self._not_allowed() from None
        except OSError as error:
            raise AdminUnreachable(f"no server answers at {self._data_dir / SOCKET_FILE}: {error}") from error
        try:
            connection.request(verb, path, body, {"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise AdminUnreachable(f"the server did not answer ({error}); look whether the change was made") from error
        finally:
            connection.close()
        return _result(text)

    def _not_allowed(self) -> AdminUnreachable:
        return AdminUnreachable(
            f"this user may not use the admin channel in {self._data_dir}: run the command as the server's user or root"
        )


def _result(text: bytes) -> Result:
    """What an answer holds. AdminRefused."""
    try:
        document = json.loads(text) if len(text) <= ANSWER_BYTES_MAX else None
    except ValueError:
        document = None
    if isinstance(document, dict):
        result, error = document.get("result"), document.get("error")
        if isinstance(result, dict):
            return result
        if isinstance(error, dict):
            raise AdminRefused(str(error.get("code")), str(error.get("message")))
    raise AdminUnreachable("the answer of the server is not one of the admin channel")

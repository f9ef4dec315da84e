"""A job of a running server, by the admin channel itself: many runs without a process for each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from seglake.adapters.admin_socket.client import AdminClient

LOOK_S = 0.01
PATIENCE_S = 120.0


def job(data: Path, method: str, **parameters: Any) -> dict[str, Any]:
    """Starts the job and returns its result."""
    client, end = AdminClient(data), time.monotonic() + PATIENCE_S
    state = client.call(method, parameters)
    while state["ended"] is None:
        assert time.monotonic() < end, f"{method} does not end: {state}"
        time.sleep(LOOK_S)
        state = client.call("job.status", {"job": state["job"]})
    assert state["error"] is None, f"{method}: {state['error']}"
    result: dict[str, Any] = state["result"]
    return result

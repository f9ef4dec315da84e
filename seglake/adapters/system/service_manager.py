"""What starts and watches the process is told how it is by datagrams on a socket; without one nothing is sent.

The protocol is systemd's: sd_notify(3) for the messages, sd_watchdog_enabled(3) for the two variables.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

_SEND_S_MAX = 1.0
"""A service manager that does not read keeps nobody waiting longer than this."""


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Whom the environment names: the address of its socket, and the watchdog's time in seconds if there is one.

    ``address`` is the path of a Unix socket, "@" in front of an abstract name, or empty: then nobody is told anything.
    """

    address: str = ""
    watchdog_s: float | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str], *, pid: int) -> ServiceManager:
        """The one of this environment; a watchdog that was meant for another process than ``pid`` is not ours."""
        address = environment.get("NOTIFY_SOCKET", "")
        limit = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", "") in ("", str(pid))
        if not (address and meant and limit.isascii() and limit.isdigit() and int(limit)):
            return cls(address)
        return cls(address, int(limit) / 1e6)

    def ready(self, status: str) -> None:
        """The start is over, requests are answered; ``status`` is one line for people. OSError."""
        self._tell("READY=1", _line(status))

    def stopping(self, status: str) -> None:
        """The end has begun. OSError."""
        self._tell("STOPPING=1", _line(status))

    def alive(self) -> None:
        """To be said at least every ``watchdog_s``; who does not is killed and started again. OSError."""
        self._tell("WATCHDOG=1")

    def _tell(self, *assignments: str) -> None:
        if not self.address:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(_SEND_S_MAX)
            sender.connect(name)
            sender.sendall("\n".join(assignments).encode())


def _line(status: str) -> str:
    """A line feed would begin another assignment."""
    return "STATUS=" + " ".join(status.split())

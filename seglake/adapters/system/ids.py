"""Unpredictable bytes come from the kernel, read here and nowhere else; ids are made of them."""

from __future__ import annotations

import os

from seglake.domain.ports.system import Randomness


class SystemRandom(Randomness):
    """The kernel's generator: safe for keys and tokens, safe after a fork, never blocks once the machine is up."""

    __slots__ = ()

    def bytes(self, count: int, /) -> bytes:
        """``count`` fresh bytes."""
        return os.urandom(count)


def new_request_id() -> str:
    """16 upper-case hex digits, the shape of S3's x-amz-request-id; unique enough to find one line in a log."""
    return os.urandom(8).hex().upper()

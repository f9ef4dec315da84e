"""A request's payload as the domain reads it: plain bytes, already freed of any transfer or chunk signature coding."""

from __future__ import annotations

from typing import Protocol

from seglake.domain.model.digest import Expectations


class Body(Protocol):
    """The payload of one request. Read by one task, to its end."""

    @property
    def length(self) -> int | None:
        """Decoded bytes announced; None when the client announced none."""
        ...

    async def read(self) -> bytes | memoryview:
        """The next bytes, empty at the end - which is reached only when every chunk signature, the trailer and the
        announced length were found right; otherwise it raises (IncompleteBody, BadDigest, ...)."""
        ...

    def expectations(self) -> Expectations:
        """What the client announced. Digests that come in a trailer are there only after the end."""
        ...

"""Requests over plain sockets to the real server, and what a bucket holds before and after them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.integration.endpoint import Endpoint
from tests.wire import Mode, Reply, Request, connect, signed


class Asker:
    """Builds signed requests for a server and sends each on a connection of its own."""

    def __init__(self, endpoint: Endpoint, s3: Any, bucket: str) -> None:
        self.endpoint = endpoint
        self.bucket = bucket
        self._s3 = s3

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        mode: Mode = Mode.SIGNED,
        host: str = "",
        late_s: int = 0,
    ) -> Request:
        """A signed request; ``{bucket}`` in the target is the test's bucket."""
        return signed(
            self.endpoint.signer,
            method,
            target.replace("{bucket}", self.bucket),
            headers,
            body,
            host=host or self.endpoint.host,
            now=int(time.time()) - late_s,
            mode=mode,
        )

    async def ask(self, *arguments: Any, **fields: Any) -> Reply:
        """Builds, sends, and reads the answer."""
        return await self.send(self.request(*arguments, **fields))

    async def send(self, request: Request) -> Reply:
        async with connect(self.endpoint.port) as wire:
            return await wire.ask(request)

    def holds(self) -> tuple[Any, ...]:
        """Everything that can be seen in the bucket."""
        versions = self._s3.list_object_versions(Bucket=self.bucket)
        uploads = self._s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        parts = [(one["Key"], one["UploadId"], self._parts(one["Key"], one["UploadId"])) for one in uploads]
        rows = [(one["Key"], one["VersionId"], one["ETag"], one["Size"]) for one in versions.get("Versions", [])]
        markers = [(one["Key"], one["VersionId"]) for one in versions.get("DeleteMarkers", [])]
        return rows, markers, parts

    def _parts(self, key: str, upload: str) -> list[tuple[int, str]]:
        page = self._s3.list_parts(Bucket=self.bucket, Key=key, UploadId=upload)
        return [(one["PartNumber"], one["ETag"]) for one in page.get("Parts", [])]

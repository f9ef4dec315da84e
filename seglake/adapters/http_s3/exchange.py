"""One request on its way through the front end: what was parsed and proven of it, gathered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from seglake.adapters.http_s3.body import RequestBody
from seglake.adapters.http_s3.config import FrontConfig
from seglake.adapters.http_s3.watch import Transfer
from seglake.adapters.s3_protocol.errors import invalid_argument
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.adapters.s3_protocol.routing import Route
from seglake.domain.model.credential import Identity
from seglake.domain.model.errors import SeglakeError
from seglake.domain.model.names import NULL_VERSION, parse_version_id
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.log import Log
from seglake.domain.services.access import Access
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.copying import Copying
from seglake.domain.services.listing import Listings
from seglake.domain.services.multipart import Multipart
from seglake.domain.services.object_reads import ObjectReads
from seglake.domain.services.object_writes import ObjectWrites


def is_version(text: str) -> bool:
    """Whether a version could have this id."""
    return text == NULL_VERSION or parse_version_id(text) is not None


def checked_version(text: str) -> str:
    """``text`` when it is a version id or ``null``, else S3Error InvalidArgument: it would be shown in a header."""
    if not is_version(text):
        raise invalid_argument("versionId", text, "Invalid version id specified")
    return text


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases behind the endpoint."""

    reads: ObjectReads
    writes: ObjectWrites
    multipart: Multipart
    copying: Copying
    listings: Listings
    buckets: Buckets
    access: Access
    digests: Digests


class Exchange:
    """A request that is authenticated, routed and authorised; handlers get nothing else."""

    __slots__ = (
        "body",
        "bucket",
        "config",
        "head",
        "identity",
        "key",
        "log",
        "request",
        "request_id",
        "route",
        "services",
        "transfer",
    )

    def __init__(
        self,
        request: web.BaseRequest,
        head: RequestHead,
        route: Route,
        target: tuple[str, str],
        identity: Identity,
        body: RequestBody,
        request_id: str,
        *,
        services: Services,
        config: FrontConfig,
        log: Log,
    ) -> None:
        self.request = request
        self.head = head
        self.route = route
        self.bucket, self.key = target
        """Names as decoded; empty where the request has none."""
        self.identity = identity
        self.body = body
        self.request_id = request_id
        self.services = services
        self.config = config
        self.log = log
        self.transfer: Transfer | None = None
        """What the watch counts, where bytes move."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers, lower-case names."""
        return self.head.headers

    @property
    def query(self) -> Mapping[str, str]:
        """The request's decoded query parameters."""
        return self.head.query

    @property
    def version(self) -> str | None:
        """The version that the query names. S3Error InvalidArgument when no version can have this id."""
        text = self.head.query.get("versionId")
        return None if text is None else checked_version(text)

    def note_damage(self, error: SeglakeError) -> None:
        """Logs that an answer was cut because its bytes could not be verified."""
        self.log.error("answer_cut", request_id=self.request_id, bucket=self.bucket, key=self.key, detail=error.hint)

    def authorize(self, action: str, bucket: str) -> None:
        """For what the request touches beside its target: a copy's source, each key of a bulk delete. AccessDenied."""
        self.services.access.authorize(self.identity, action, bucket)

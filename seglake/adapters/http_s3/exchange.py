"""One request on its way through the front end: what was parsed and proven of it, gathered once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from seglake.adapters.http_s3.body import RequestBody
from seglake.adapters.http_s3.budget import Budget
from seglake.adapters.http_s3.config import FrontConfig
from seglake.adapters.http_s3.form_body import FormFile
from seglake.adapters.http_s3.watch import Transfer
from seglake.adapters.s3_protocol.errors import invalid_argument
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.adapters.s3_protocol.routing import Route
from seglake.domain.model.access import Asked, Facts
from seglake.domain.model.credential import Identity
from seglake.domain.model.errors import SeglakeError
from seglake.domain.model.names import NULL_VERSION, parse_version_id
from seglake.domain.model.user import ANONYMOUS_USER
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.log import Log
from seglake.domain.services.access import Access, Grounds
from seglake.domain.services.bucket_access import BucketAccess
from seglake.domain.services.bucket_settings import BucketSettings
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.copying import Copying
from seglake.domain.services.directory import Directory
from seglake.domain.services.encryption import Encrypting
from seglake.domain.services.listing import Listings
from seglake.domain.services.locking import Locking
from seglake.domain.services.multipart import Multipart
from seglake.domain.services.object_reads import ObjectReads
from seglake.domain.services.object_writes import ObjectWrites
from seglake.domain.services.statistics import Statistics
from seglake.domain.services.tagging import Tagging

_NO_FIELDS: Mapping[str, str] = MappingProxyType({})


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
    settings: BucketSettings
    tagging: Tagging
    locking: Locking
    encrypting: Encrypting
    access: Access
    bucket_access: BucketAccess
    directory: Directory
    digests: Digests
    statistics: Statistics


class Exchange:
    """A request that is authenticated, routed and authorised; handlers get nothing else."""

    __slots__ = (
        "answers",
        "body",
        "bucket",
        "config",
        "context",
        "extra",
        "form",
        "form_fields",
        "grounds",
        "head",
        "identity",
        "key",
        "log",
        "replay_mark",
        "request",
        "request_id",
        "route",
        "services",
        "transfer",
        "watches_start",
    )

    def __init__(
        self,
        request: web.BaseRequest,
        head: RequestHead,
        route: Route,
        target: tuple[str, str],
        identity: Identity | None,
        body: RequestBody,
        request_id: str,
        *,
        grounds: Grounds,
        context: Facts,
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
        """Who signed it; None for an anonymous request to a public bucket."""
        self.grounds = grounds
        """The bucket as it was when the request was authorised."""
        self.context = context
        self.body = body
        self.request_id = request_id
        self.services = services
        self.config = config
        self.log = log
        self.transfer: Transfer | None = None
        """What the watch counts, where bytes move."""
        self.extra: tuple[tuple[str, str], ...] = ()
        """Header fields of every answer to this request, whatever it is: what a browser must be told."""
        self.form: FormFile | None = None
        """The file of a form, whose fields are ``form_fields``; the head is that of the PutObject it stands for."""
        self.form_fields: Mapping[str, str] = _NO_FIELDS
        self.answers: Budget | None = None
        """Memory for whole chunks of a streamed answer, where one may be streamed."""
        self.watches_start: Callable[[], None] | None = None
        """Called when a streamed answer begins, where somebody wants to know when that is."""
        self.replay_mark: bytes | None = None
        """What tells that the signature is spent, where replays are noticed."""

    @property
    def holder(self) -> str:
        """Who is charged for the request: its key; for a presigned one, which others bear, the key and the bearer's
        address; for an anonymous one the address."""
        identity = self.identity
        if identity is None:
            return f"@{self.head.peer}"
        key = identity.access_key
        return key if "authorization" in self.head.headers else f"{key}@{self.head.peer}"

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

    @property
    def user(self) -> str:
        """Whose the request is: the owner of what it makes."""
        return ANONYMOUS_USER if self.identity is None else self.identity.user

    def authorize(self, action: str, bucket: str = "", key: str = "", version: str | None = None) -> None:
        """For what is needed beside the request's action: a copy's source, each key of a bulk delete. AccessDenied."""
        self.services.access.authorize(self.identity, Asked(action, bucket, key, version), self.context, self.grounds)

    def may(self, action: str, bucket: str = "", key: str = "", version: str | None = None) -> bool:
        """Whether ``authorize`` would return."""
        identity, asked = self.identity, Asked(action, bucket, key, version)
        grounds = self.grounds if self.grounds.name == bucket else None
        return self.services.access.may(identity, asked, self.context, grounds)

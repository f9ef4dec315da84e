"""P14: what botocore signs is accepted, and one change to anything that was signed is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from seglake.adapters.s3_protocol.errors import S3Error
from seglake.adapters.s3_protocol.http_dates import parse_basic_date
from seglake.adapters.s3_protocol.request import parse_head
from seglake.adapters.s3_protocol.sigv4 import Verified, parse, verify

ACCEPTED = 2_000
MUTATED = 10_000
SECRETS = {"AKIDONE": "secret/one+with=signs", "AKID.two-2": "s" * 40}
REGIONS = ("us-east-1", "eu-central-1")
ALPHABET = "abcXYZ019-_.~ /+%&=?#;:@!$'()*,[]\\\"<>^`{|}äß漢😀\n\t"


@dataclass(frozen=True)
class Wire:
    method: str
    path: str
    query: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    now: int = 0
    presigned: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return f"{self.path}?{'&'.join(self.query)}" if self.query else self.path

    def header(self, name: str) -> str:
        return next(value for key, value in self.headers if key.lower() == name)

    def with_header(self, name: str, value: str | None) -> Wire:
        kept = tuple((key, old) for key, old in self.headers if key.lower() != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


def accept(wire: Wire) -> Verified:
    raw = [(name.encode(), value.encode()) for name, value in wire.headers]
    head = parse_head(wire.method, wire.target, raw)
    claims = parse(head)
    if claims is None:
        raise PermissionError("anonymous")
    return verify(head, claims, secret=SECRETS.get(claims.access_key), now=wire.now, regions=REGIONS)


def text(rng: random.Random, longest: int = 12) -> str:
    return "".join(rng.choices(ALPHABET, k=rng.randint(1, longest)))


def botocore_request(rng: random.Random) -> Wire:
    access_key = rng.choice(list(SECRETS))
    credentials = Credentials(access_key, SECRETS[access_key])
    method = rng.choice(("GET", "PUT", "HEAD", "DELETE", "POST"))
    host = rng.choice(("localhost:9000", "bucket.localhost", "s3.example.com", "127.0.0.1:9000"))
    path = "/bucket/" + quote(text(rng, 30).lstrip("/"), safe="/~")
    params = {text(rng): rng.choice(("", text(rng))) for _ in range(rng.randint(0, 3))}
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in params.items())
    headers = {}
    for _ in range(rng.randint(0, 3)):
        headers[f"x-amz-meta-{rng.choice('abcdefgh')}{rng.randint(0, 99)}"] = "  a  b " + str(rng.random())
    if rng.random() < 0.3:
        headers["Content-MD5"] = "1B2M2Y8AsgTpgAmY7PhCfg=="
    if rng.random() < 0.3:
        headers["Content-Type"] = "text/plain;  charset=utf-8"
    url = f"http://{host}{path}" + (f"?{query}" if query else "")
    presigned = rng.random() < 0.5
    data = text(rng).encode() if method == "PUT" and not presigned else b""
    request = AWSRequest(method=method, url=url, headers=headers, data=data)
    region = rng.choice(REGIONS)
    if presigned:
        S3SigV4QueryAuth(credentials, "s3", region, expires=rng.randint(1, 604800)).add_auth(request)
    else:
        S3SigV4Auth(credentials, "s3", region).add_auth(request)
    return as_wire(request, presigned=presigned)


def as_wire(request: AWSRequest, *, presigned: bool) -> Wire:
    parts = urlsplit(request.url)
    headers = tuple(request.headers.items())
    if not any(name.lower() == "host" for name, _ in headers):
        headers = (*headers, ("Host", parts.netloc))
    now = parse_basic_date(request.context["timestamp"])
    assert now is not None
    pairs = tuple(parts.query.split("&")) if parts.query else ()
    return Wire(request.method, parts.path, pairs, headers, now, presigned)


def _flip(rng: random.Random, value: str, alphabet: str = "0123456789abcdef") -> str:
    at = rng.randrange(len(value))
    return value[:at] + rng.choice([c for c in alphabet if c != value[at]]) + value[at + 1 :]


def mutate_method(rng: random.Random, wire: Wire) -> Wire:
    return replace(wire, method=rng.choice([m for m in ("GET", "PUT", "DELETE", "POST", "HEAD") if m != wire.method]))


def mutate_path(rng: random.Random, wire: Wire) -> Wire:
    return replace(
        wire, path=rng.choice((wire.path + "x", wire.path + "/", "/other" + wire.path, "/" + wire.path, "/b"))
    )


def mutate_query_added(rng: random.Random, wire: Wire) -> Wire:
    at = rng.randint(0, len(wire.query))
    return replace(wire, query=(*wire.query[:at], rng.choice(("acl", "versionId=null", "x=1")), *wire.query[at:]))


def mutate_query_value(rng: random.Random, wire: Wire) -> Wire:
    if not wire.query:
        return mutate_query_added(rng, wire)
    at = rng.randrange(len(wire.query))
    name, _, value = wire.query[at].partition("=")
    changed = rng.choice((f"{name}={value}x", f"{name}x={value}", f"{name}={value}%00"))
    return replace(wire, query=(*wire.query[:at], changed, *wire.query[at + 1 :]))


def mutate_query_removed(rng: random.Random, wire: Wire) -> Wire:
    if not wire.query:
        return mutate_method(rng, wire)
    at = rng.randrange(len(wire.query))
    return replace(wire, query=wire.query[:at] + wire.query[at + 1 :])


def mutate_host(rng: random.Random, wire: Wire) -> Wire:
    return wire.with_header("host", rng.choice(("evil.example", "localhost:9001", "other.localhost")))


def mutate_signed_header(rng: random.Random, wire: Wire) -> Wire:
    name = rng.choice([n.lower() for n, _ in wire.headers if n.lower() != "authorization"])
    return wire.with_header(name, rng.choice((None, wire.header(name) + "1", "x")))


def mutate_header_added(rng: random.Random, wire: Wire) -> Wire:
    name = rng.choice(("x-amz-copy-source", "x-amz-acl", "x-amz-meta-new", "x-amz-tagging", "x-amz-security-token"))
    return wire.with_header(name, "private")


def mutate_duplicate(rng: random.Random, wire: Wire) -> Wire:
    named = [(n, v) for n, v in wire.headers if n.lower().startswith("x-amz-") or n.lower() in ("host", "content-md5")]
    return replace(wire, headers=(*wire.headers, rng.choice(named)))


def mutate_signature(rng: random.Random, wire: Wire) -> Wire:
    if wire.presigned:
        *rest, last = wire.query
        name, _, value = last.partition("=")
        assert name == "X-Amz-Signature"
        changed = rng.choice((_flip(rng, value), value.upper(), value[:-1], value + "0", ""))
        return replace(wire, query=(*rest, f"{name}={changed}")) if changed != value else mutate_method(rng, wire)
    left, _, value = wire.header("authorization").rpartition("Signature=")
    changed = rng.choice((_flip(rng, value), value.upper(), value[:-1], value + "0", ""))
    return wire.with_header("authorization", f"{left}Signature={changed}")


def mutate_credential(rng: random.Random, wire: Wire) -> Wire:
    """Another key, day, region, service or ending in the credential."""
    swaps = [("AKID", "AKIX"), ("aws4_request", "aws4_requesT"), ("s3", "ec2"), ("/20", "/21")]
    swaps += [("us-east-1", "eu-central-1"), ("eu-central-1", "us-east-1")]
    rng.shuffle(swaps)
    if wire.presigned:
        pairs = list(wire.query)
        at = next(i for i, pair in enumerate(pairs) if pair.startswith("X-Amz-Credential="))
        old, new = next(
            (o.replace("/", "%2F"), n.replace("/", "%2F")) for o, n in swaps if o.replace("/", "%2F") in pairs[at]
        )
        pairs[at] = pairs[at].replace(old, new, 1)
        return replace(wire, query=tuple(pairs))
    value = wire.header("authorization")
    old, new = next((o, n) for o, n in swaps if f"{o}" in value)
    return wire.with_header("authorization", value.replace(old, new, 1))


def mutate_time(rng: random.Random, wire: Wire) -> Wire:
    """The same request at another time, or with another date in it."""
    if wire.presigned:
        return replace(wire, now=wire.now + rng.choice((604801, 10**7, -901)))
    if rng.random() < 0.5:
        return replace(wire, now=wire.now + rng.choice((-901, 901, 86400, -86400)))
    stamp = wire.header("x-amz-date")
    return wire.with_header("x-amz-date", stamp[:-2] + f"{(int(stamp[-2]) + 1) % 10}Z")


def mutate_signed_names(rng: random.Random, wire: Wire) -> Wire:
    """A header leaves or enters the list of the signed ones."""
    if wire.presigned:
        pairs = list(wire.query)
        at = next(i for i, pair in enumerate(pairs) if pair.startswith("X-Amz-SignedHeaders="))
        pairs[at] = rng.choice(
            (pairs[at] + "%3Bx-amz-date", pairs[at].replace("host", "hosts"), "X-Amz-SignedHeaders=")
        )
        return replace(wire, query=tuple(pairs))
    left, _, right = wire.header("authorization").partition("SignedHeaders=")
    names, _, signature = right.partition(", ")
    kept = names.split(";")
    kept.pop(rng.randrange(len(kept)))
    return wire.with_header("authorization", f"{left}SignedHeaders={';'.join(kept)}, {signature}")


MUTATIONS: tuple[Callable[[random.Random, Wire], Wire], ...] = (
    mutate_method,
    mutate_path,
    mutate_query_added,
    mutate_query_value,
    mutate_query_removed,
    mutate_host,
    mutate_signed_header,
    mutate_header_added,
    mutate_duplicate,
    mutate_signature,
    mutate_credential,
    mutate_time,
    mutate_signed_names,
)


def test_requests_signed_by_botocore_are_accepted_and_every_mutation_is_refused() -> None:
    rng = random.Random(20240917)
    per_request = MUTATED // ACCEPTED
    refused = 0
    for number in range(ACCEPTED):
        wire = botocore_request(rng)
        verified = accept(wire)
        assert verified.access_key in SECRETS
        for turn in range(per_request):
            mutation = MUTATIONS[(number * per_request + turn) % len(MUTATIONS)]
            changed = mutation(rng, wire)
            assert changed != wire
            try:
                accept(changed)
            except (S3Error, PermissionError):
                refused += 1
            else:
                pytest.fail(f"{mutation.__name__}: {wire} became {changed} and was accepted")
    assert refused == ACCEPTED * per_request == MUTATED

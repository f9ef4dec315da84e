"""What an attacker can change in a signed request, and what the server must say to each."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace

from seglake.adapters.s3_protocol.addressing import locate
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request import parse_head
from seglake.adapters.s3_protocol.routing import route
from tests.unit.adapters.http_s3.front import NOW
from tests.unit.adapters.http_s3.matrix import Principal, Sample, World
from tests.wire import TRAILER, Mode, Request, chunked, signed

E = ErrorCode
MISMATCH = E.SignatureDoesNotMatch
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


@dataclass(frozen=True)
class Case:
    """A tampered request and the refusal that is due."""

    name: str
    request: Request
    code: ErrorCode
    closes: bool = False
    """The HTTP parser itself refuses it, and ends the connection."""


def cases(world: World, sample: Sample, mode: Mode) -> Iterator[Case]:
    """Every tampering of this sample in this mode."""
    good = world.build(sample, mode=mode)
    yield from _line(sample, good)
    yield from _signed_headers(sample, good, mode)
    yield from _query_claims(good) if mode is Mode.PRESIGNED else _header_claims(good)
    yield from _times(world, sample, mode)
    yield from _two_mechanisms(world, sample, mode, good)
    yield from _unsigned_additions(good)
    if sample.takes_body:
        yield from _bodies(sample, good, mode)


def _or_refused_by_router(request: Request, code: ErrorCode = MISMATCH) -> ErrorCode:
    """``code``, unless the changed head is not a request for any operation, which is found first."""
    pairs = [(n.encode(), v.encode()) for n, v in (*request.headers.items(), *request.more)]
    try:
        head = parse_head(request.method, request.target, pairs)
        route(head.method, locate(head.host, head.path), head.query, head.headers)
    except S3Error as refused:
        return refused.code
    return code


def _changed(name: str, request: Request, code: ErrorCode = MISMATCH) -> Case:
    return Case(name, request, _or_refused_by_router(request, code))


def _line(sample: Sample, good: Request) -> Iterator[Case]:
    """Method, path and query."""
    for method in METHODS:
        if method != good.method:
            yield _changed(f"method {method}", replace(good, method=method))
    yield _changed("method PATCH", replace(good, method="PATCH"))
    path, mark, query = good.target.partition("?")
    yield _changed("path grown", replace(good, target=f"{path}x{mark}{query}"))
    if path.count("/") > 1:
        yield _changed("slash doubled", replace(good, target=f"{path[:6]}/{path[6:]}{mark}{query}"))
        yield _changed("slash escaped", replace(good, target=f"{path[:-1]}%2F{path[-1:]}{mark}{query}"))
        yield _changed("other bucket", replace(good, target=f"/beta{path[6:]}{mark}{query}"))
    joined = f"{good.target}&" if mark else f"{path}?"
    yield _changed("query added", replace(good, target=f"{joined}x-id=Evil"))
    yield _changed("version added", replace(good, target=f"{joined}versionId=null"))
    yield Case("query unknown", replace(good, target=f"{joined}evil=1"), E.NotImplemented)
    own = sample.target.partition("?")[2]
    if own:
        pairs = query.split("&")
        less = "&".join(pairs[1:])
        yield _changed("query dropped", replace(good, target=f"{path}?{less}" if less else path))
        if "=" in pairs[0]:
            yield _changed("query changed", replace(good, target=good.target.replace(pairs[0], pairs[0] + "1", 1)))
        yield Case("query repeated", replace(good, target=f"{joined}{pairs[0]}"), E.InvalidArgument)


def _signed_headers(sample: Sample, good: Request, mode: Mode) -> Iterator[Case]:
    names = [*sample.headers, "host"]
    if mode is not Mode.PRESIGNED:
        names += ["x-amz-date", "x-amz-content-sha256"]
    if mode.streaming:
        names.append("x-amz-decoded-content-length")
    for name in names:
        missing = good.with_header(name, None)
        if name == "x-amz-date":
            yield Case("date removed", missing, E.AccessDenied)
            yield Case("date changed", good.with_header(name, "20231114T221321Z"), MISMATCH)
        elif name == "x-amz-content-sha256":
            yield Case("payload hash removed", missing, E.MissingSecurityHeader)
            for other in ("a" * 64, "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
                if other != good.headers[name]:
                    yield Case(f"payload hash {other[:20]}", good.with_header(name, other), MISMATCH)
        elif name == "host":
            yield Case("host removed", missing, E.BadRequest, closes=True)
            yield Case("host changed", good.with_header(name, "localhost:9"), MISMATCH)
            yield _changed("host virtual", good.with_header(name, "beta.localhost"))
        else:
            yield _changed(f"{name} removed", missing)
            yield _changed(f"{name} changed", good.with_header(name, _other_value(good.headers[name])))
    for name in names:
        if name != "host" and name in good.headers:
            twice = replace(good, more=((name, good.headers[name]),))
            by_parser = name == "content-type"
            yield Case(f"{name} repeated", twice, E.BadRequest if by_parser else E.InvalidRequest, by_parser)


def _other_value(value: str) -> str:
    last = value[-1]
    return value[:-1] + ("1" if last != "1" else "2") if not value.endswith("==") else "AAAAAAAAAAAAAAAAAAAAAA=="


def _other_digit(digit: str) -> str:
    return "0" if digit != "0" else "1"


def _header_claims(good: Request) -> Iterator[Case]:
    """The Authorization header."""
    text = good.headers["authorization"]
    rest, _, signature = text.rpartition("Signature=")

    def with_text(new: str) -> Request:
        return good.with_header("authorization", new)

    for name, new, code in _signatures(signature):
        expected = E.AuthorizationHeaderMalformed if code is None else code
        yield Case(name, with_text(f"{rest}Signature={new}"), expected)
    for name, old, other, code in _scopes():
        expected = E.AuthorizationHeaderMalformed if code is None else code
        yield Case(name, with_text(text.replace(old, other, 1)), expected)
    yield Case("host not signed", with_text(text.replace("host;", "", 1)), E.AccessDenied)
    yield Case("date not signed", with_text(text.replace(";x-amz-date", "", 1)), E.AccessDenied)
    yield Case("a header more signed", with_text(text.replace("host;", "host;range-x;", 1)), MISMATCH)
    yield Case("signed names in capitals", with_text(text.replace("host;", "Host;", 1)), E.AuthorizationHeaderMalformed)
    yield Case("no signature field", with_text(rest.rstrip(", ")), E.AuthorizationHeaderMalformed)
    yield Case("second signature", with_text(f"{text}, Signature={signature}"), E.AuthorizationHeaderMalformed)
    yield Case("version 2", with_text("AWS root-key:c2lnbmF0dXJl"), E.InvalidRequest)
    yield Case("other scheme", with_text("Basic cm9vdDpyb290"), E.InvalidArgument)
    yield Case("empty authorization", with_text(""), E.InvalidArgument)
    yield Case("two authorizations", replace(good, more=(("Authorization", text),)), E.InvalidRequest)


def _signatures(signature: str) -> Iterator[tuple[str, str, ErrorCode | None]]:
    """(name, other signature, code); None stands for what a malformed claim gets here."""
    yield "first nibble", _other_digit(signature[0]) + signature[1:], MISMATCH
    yield "last nibble", signature[:-1] + _other_digit(signature[-1]), MISMATCH
    yield "signature of zeros", "0" * 64, MISMATCH
    yield "signature in capitals", "A" + signature.upper()[1:], None
    yield "signature cut", signature[:-1], None
    yield "signature grown", signature + "0", None
    yield "signature empty", "", None


def _scopes() -> Iterator[tuple[str, str, str, ErrorCode | None]]:
    yield "other key", "root-key", Principal.READ_WRITE.access_key, MISMATCH
    yield "unknown key", "root-key", "nobody", E.InvalidAccessKeyId
    yield "other region", "/us-east-1/", "/eu-west-9/", None
    yield "other service", "/s3/", "/ec2/", None
    yield "other terminator", "aws4_request", "aws5_request", None
    yield "other day", "/20231114/", "/20231113/", None


def _query_claims(good: Request) -> Iterator[Case]:
    """The X-Amz parameters of a presigned URL."""
    rest, _, signature = good.target.rpartition("X-Amz-Signature=")
    broken = E.AuthorizationQueryParametersError

    def to(target: str) -> Request:
        return replace(good, target=target)

    for name, new, code in _signatures(signature):
        yield Case(name, to(f"{rest}X-Amz-Signature={new}"), code or broken)
    for name, old, other, code in _scopes():
        target = good.target.replace(old.replace("/", "%2F"), other.replace("/", "%2F"), 1)
        yield Case(name, to(target), code or broken)
    yield Case("longer validity", to(good.target.replace("X-Amz-Expires=600", "X-Amz-Expires=604800")), MISMATCH)
    for expires in ("0", "604801", "-1", "6e2", "", "%D9%A3"):
        target = good.target.replace("X-Amz-Expires=600", f"X-Amz-Expires={expires}")
        yield Case(f"validity {expires!r}", to(target), broken)
    yield Case("date changed", to(good.target.replace("T221320Z", "T221321Z", 1)), MISMATCH)
    yield Case("host not signed", to(good.target.replace("host", "hos", 1)), E.AccessDenied)
    yield Case("signature repeated", to(f"{good.target}&X-Amz-Signature={signature}"), E.InvalidArgument)
    yield Case("no signature", to(rest.rstrip("&")), broken)
    yield Case("other algorithm", to(good.target.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", 1)), broken)
    yield Case("version 2", to(f"{good.target}&AWSAccessKeyId=root-key&Signature=c2ln"), E.InvalidRequest)
    yield Case("header in the query", _changed("", to(f"{good.target}&X-Amz-Meta-Evil=1")).request, MISMATCH)


def _times(world: World, sample: Sample, mode: Mode) -> Iterator[Case]:
    late, early = NOW - 901, NOW + 901
    skewed = E.AccessDenied if mode is Mode.PRESIGNED else E.RequestTimeTooSkewed
    yield Case("expired", world.build(sample, mode=mode, now=late), skewed)
    yield Case("from the future", world.build(sample, mode=mode, now=early), skewed)
    if mode is Mode.PRESIGNED:
        yield Case("expired just now", world.build(sample, mode=mode, now=NOW - 600), skewed)


def _two_mechanisms(world: World, sample: Sample, mode: Mode, good: Request) -> Iterator[Case]:
    """Each of the two would be valid alone."""
    if mode is Mode.PRESIGNED:
        both = good.with_header("authorization", world.build(sample).headers["authorization"])
    else:
        url = world.build(sample, mode=Mode.PRESIGNED).target
        whole = signed(
            Principal.ROOT.signer, good.method, url, sample.headers, sample.body, host=world.front.host, now=NOW
        )
        both = replace(whole, body=sample.body)
    yield Case("two mechanisms", both, E.InvalidArgument)


def _unsigned_additions(good: Request) -> Iterator[Case]:
    """Headers that came after the signature."""
    additions = {
        "x-amz-meta-evil": "1",
        "x-amz-acl": "private",
        "x-amz-copy-source": "/beta/key",
        "x-amz-storage-class": "STANDARD",
        "x-amz-checksum-crc32": "AAAAAA==",
        "x-amz-server-side-encryption": "AES256",
        "x-amz-grant-read": "id=1",
        "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    for name, value in additions.items():
        if name not in good.headers:
            request = good.with_header(name, value)
            yield Case(f"unsigned {name}", request, _or_refused_by_router(request, E.AccessDenied))
    yield Case("unsigned token", good.with_header("x-amz-security-token", "t"), E.InvalidToken)
    if "X-Amz-Signature" not in good.target:
        joined = f"{good.target}&" if "?" in good.target else f"{good.target}?"
        yield _changed("meta in the query", replace(good, target=f"{joined}X-Amz-Meta-Evil=1"))
        yield _changed("version 2 beside", replace(good, target=f"{joined}AWSAccessKeyId=root-key&Signature=c2ln"))


def _with_body(good: Request, body: bytes) -> Request:
    return replace(good.with_header("content-length", str(len(body))), body=body)


def _flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes((body[at] ^ 1,)) + body[at + 1 :]


def _bodies(sample: Sample, good: Request, mode: Mode) -> Iterator[Case]:
    body = good.body
    if mode is Mode.SIGNED:
        for name, other in (("first", _flipped(body, 0)), ("last", _flipped(body, len(body) - 1)), ("cut", body[:-1])):
            yield Case(f"body {name}", _with_body(good, other), E.XAmzContentSHA256Mismatch)
        yield Case("body grown", _with_body(good, body + b"x"), E.XAmzContentSHA256Mismatch)
    elif mode.streaming:
        yield from _frames(sample, good, mode)
    elif "content-md5" in sample.headers:
        yield Case("body with its MD5", _with_body(good, _flipped(body, 20)), E.BadDigest)


def _frames(sample: Sample, good: Request, mode: Mode) -> Iterator[Case]:
    """Inside the aws-chunked body."""
    body, first = good.body, good.body.index(b"\r\n") + 2
    signs = mode is not Mode.STREAMING_UNSIGNED_TRAILER
    yield Case("payload byte", _with_body(good, _flipped(body, first)), MISMATCH if signs else E.BadDigest)
    last = body.rindex(b"\r\n0") + 2
    yield Case("last chunk dropped", _with_body(good, body[:last]), E.IncompleteBody)
    yield Case("end cut", _with_body(good, body[:-2]), E.IncompleteBody)
    yield Case("bytes behind the end", _with_body(good, body + b"0\r\n\r\n"), E.InvalidRequest)
    yield Case("size in decimal garbage", _with_body(good, b"+" + body), E.InvalidRequest)
    if signs:
        for name, at in (("first", first - 3), ("last", body.index(b"\r\n", last) - 1)):
            changed = body[:at] + _other_digit(chr(body[at])).encode() + body[at + 1 :]
            yield Case(f"{name} chunk signature", _with_body(good, changed), MISMATCH)
        unsigned = body.replace(body[body.index(b";") : first - 2], b"", 1)
        yield Case("chunk without signature", _with_body(good, unsigned), E.InvalidRequest)
    if not mode.trailing:
        yield Case("trailer uncalled for", _with_body(good, body[:-2] + b"x-a:b\r\n\r\n"), E.MalformedTrailerError)
        return
    wrong = base64.b64encode(b"\0\0\0\0").decode()
    signer = Principal.ROOT.signer
    for name, trailers, code in (
        ("wrong checksum", {TRAILER: wrong}, E.BadDigest),
        ("no checksum", {}, E.MalformedTrailerError),
        ("other name", {"x-amz-checksum-crc32c": wrong}, E.MalformedTrailerError),
        ("one more", {TRAILER: wrong, "x-amz-meta-a": "1"}, E.MalformedTrailerError),
    ):
        rebuilt = chunked(signer, good.headers, sample.body, mode, trailers=trailers)
        yield Case(f"trailer {name}", _with_body(good, rebuilt), code)
    at = body.index(TRAILER.encode()) + len(TRAILER) + 1
    swapped = body[:at] + (b"A" if body[at : at + 1] != b"A" else b"B") + body[at + 1 :]
    yield Case("trailer byte", _with_body(good, swapped), MISMATCH if signs else E.BadDigest)
    if signs:
        changed = body[:-5] + _other_digit(chr(body[-5])).encode() + body[-4:]
        yield Case("trailer signature", _with_body(good, changed), MISMATCH)
        bare = body[: body.index(b"x-amz-trailer-signature")] + b"\r\n"
        yield Case("trailer unsigned", _with_body(good, bare), E.MalformedTrailerError)

"""CORS over a real socket: every answer of a bucket tells a page what it may read, and no other answer does."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.cors import CorsRule, Rules, to_text
from tests.unit.adapters.http_s3.forms import encode, form_request, signed_fields
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import Reply, Request

PAGE = "https://page.example"
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
RULES = (
    CorsRule((PAGE,), ("GET", "HEAD", "PUT", "POST"), ("x-amz-*", "content-type"), ("ETag", "x-amz-meta-a"), 300),
    CorsRule(("*",), ("GET",)),
)
ALLOWED = {
    "access-control-allow-origin": PAGE,
    "access-control-allow-methods": "GET, HEAD, PUT, POST",
    "access-control-expose-headers": "ETag, x-amz-meta-a",
    "access-control-max-age": "300",
    "access-control-allow-credentials": "true",
    "vary": VARY,
}


def told(reply: Reply) -> dict[str, str]:
    """The header fields that CORS adds."""
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control") or name == "vary"}


@pytest.fixture
async def ruled(store: Front) -> Front:
    await store.store.settings.put("alpha", ConfigKind.CORS, to_text(RULES))
    return store


async def ask(store: Front, method: str, target: str, origin: str = PAGE) -> Reply:
    return await store.ask(method, target, {"origin": origin})


async def preflight(
    store: Front, target: str, origin: str = PAGE, method: str = "PUT", asked: str | None = None, host: str = ""
) -> Reply:
    headers = {"host": host or store.host, "origin": origin, "access-control-request-method": method}
    if asked is not None:
        headers["access-control-request-headers"] = asked
    async with store.wire() as wire:
        return await wire.ask(Request("OPTIONS", target, headers))


async def test_every_kind_of_answer_carries_the_rule(ruled: Front) -> None:
    big = b"x" * 600_000
    await ruled.put("/alpha/k", b"small")
    await ruled.put("/alpha/big", big)
    etag = (await ruled.ask("HEAD", "/alpha/k")).headers["etag"]
    for method, target, status, headers in (
        ("PUT", "/alpha/new", 200, {}),
        ("GET", "/alpha/k", 200, {}),
        ("HEAD", "/alpha/k", 200, {}),
        ("GET", "/alpha/big", 200, {}),
        ("GET", "/alpha/big", 206, {"range": "bytes=0-1,5-6"}),
        ("GET", "/alpha/k", 304, {"if-none-match": etag}),
        ("GET", "/alpha/k", 412, {"if-match": '"other"'}),
        ("GET", "/alpha/k", 416, {"range": "bytes=99-"}),
        ("GET", "/alpha/gone", 404, {}),
        ("HEAD", "/alpha/gone", 404, {}),
        ("GET", "/alpha?list-type=2", 200, {}),
        ("GET", "/alpha?nonsense", 501, {}),
    ):
        reply = await ruled.ask(method, target, {"origin": PAGE, **headers})
        assert reply.status == status, target
        assert told(reply) == ALLOWED, f"{method} {target}"


async def test_refusals_before_and_after_the_head_was_read_carry_the_rule(ruled: Front) -> None:
    good = ruled.signed("GET", "/alpha/k", {"origin": PAGE})
    anonymous = Request("GET", "/alpha/k", {"host": ruled.host, "origin": PAGE})
    async with ruled.wire() as wire:
        for request, code in (
            (anonymous, "AccessDenied"),
            (replace(good, target="/alpha/other"), "SignatureDoesNotMatch"),
            (good.with_header("x-amz-date", "yesterday"), "AccessDenied"),
            (good.with_header("host", f"alpha.localhost:{ruled.port}"), "SignatureDoesNotMatch"),
        ):
            reply = await wire.ask(request)
            assert reply.code == code
            assert told(reply) == ALLOWED
        reply = await wire.ask(anonymous.with_header("host", "bad host"))
        assert reply.status == 400
        assert told(reply) == ALLOWED


async def test_a_form_is_answered_with_the_rule(ruled: Front) -> None:
    for body, status in ((encode(signed_fields({"key": "k"})), 204), (encode({"key": "k"}), 403)):
        async with ruled.wire() as wire:
            reply = await wire.ask(form_request(ruled.host, body, origin=PAGE))
        assert reply.status == status
        assert told(reply) == ALLOWED


async def test_a_page_that_is_not_allowed_learns_nothing(ruled: Front) -> None:
    await ruled.put("/alpha/k", b"small")
    assert told(await ask(ruled, "PUT", "/alpha/k", "https://other.example")) == {"vary": VARY}
    assert told(await ask(ruled, "GET", "/alpha/k", "https://other.example")) == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET",
        "vary": VARY,
    }
    assert told(await ruled.ask("GET", "/alpha/k")) == {}


async def test_a_bucket_without_rules_says_nothing(store: Front) -> None:
    assert told(await ask(store, "GET", "/alpha")) == {}
    assert told(await ask(store, "GET", "/nowhere")) == {}


@pytest.mark.parametrize("origin", ["https://\xff", "a b", "x" * 5000])
async def test_an_origin_that_no_browser_sends_is_not_repeated(store: Front, origin: str) -> None:
    rules: Rules = (CorsRule(("*",), ("GET",)), CorsRule(("h*",), ("GET",)), CorsRule(("x*",), ("GET",)))
    await store.store.settings.put("alpha", ConfigKind.CORS, to_text(rules))
    reply = await ask(store, "GET", "/alpha", origin)
    assert reply.status == 200
    assert told(reply) == {"vary": VARY}
    assert (await preflight(store, "/alpha/k", origin, "GET")).code == "AccessForbidden"


async def test_a_preflight_is_answered_by_the_first_rule_that_fits(ruled: Front) -> None:
    reply = await preflight(ruled, "/alpha/k", asked="X-Amz-Date, content-TYPE,")
    assert (reply.status, reply.body) == (200, b"")
    assert told(reply) == {**ALLOWED, "access-control-allow-headers": "x-amz-date, content-type"}
    assert told(await preflight(ruled, "/alpha?list-type=2", method="HEAD")) == ALLOWED
    assert told(await preflight(ruled, "/", host=f"alpha.localhost:{ruled.port}")) == ALLOWED
    assert told(await preflight(ruled, "/alpha/k", "null", "GET"))["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("origin", "method", "asked"),
    [
        ("https://other.example", "PUT", None),
        (PAGE, "DELETE", None),
        (PAGE, "PUT", "authorization"),
        (PAGE, "PUT", "x-amz-date, a b"),
        (PAGE, "PUT", "x-amz-\u00e4"),
        (PAGE, "PUT", ", ".join(f"x-amz-{number}" for number in range(101))),
    ],
)
async def test_a_preflight_that_no_rule_fits_is_forbidden(
    ruled: Front, origin: str, method: str, asked: str | None
) -> None:
    reply = await preflight(ruled, "/alpha/k", origin, method, asked)
    assert (reply.status, reply.code) == (403, "AccessForbidden")
    assert reply.element("Message").startswith("CORSResponse: This CORS request is not allowed.")
    assert (reply.element("Method"), reply.element("ResourceType")) == (method, "OBJECT")
    assert told(reply) == {}


async def test_a_preflight_shows_no_more_of_a_bucket_than_its_rules(store: Front) -> None:
    answers = []
    for target in ("/alpha", "/no-such-bucket", "/NO_BUCKET", "/"):
        reply = await preflight(store, target)
        assert (reply.status, reply.code) == (403, "AccessForbidden")
        answers.append(reply.element("Message"))
    assert set(answers) == {"CORSResponse: CORS is not enabled for this bucket."}


async def test_the_rules_of_the_server_hold_where_a_bucket_has_none() -> None:
    wide = CorsRule(("https://*.example",), ("GET", "PUT"), ("*",))
    async with front(cors=(wide,)) as store:
        await store.put("/alpha")
        await store.put("/beta")
        await store.store.settings.put("beta", ConfigKind.CORS, to_text((CorsRule(("https://b",), ("GET",)),)))
        for target in ("/alpha", "/alpha/k", "/", "/no-such-bucket"):
            assert (await ask(store, "GET", target)).headers["access-control-allow-origin"] == PAGE
            assert (await preflight(store, target)).headers["access-control-allow-origin"] == PAGE
        assert "access-control-allow-origin" not in (await ask(store, "GET", "/beta")).headers
        assert (await preflight(store, "/beta/k")).status == 403


async def test_rules_are_set_shown_and_removed(store: Front) -> None:
    gone = await store.ask("GET", "/alpha?cors")
    assert (gone.status, gone.code) == (404, "NoSuchCORSConfiguration")
    body = (
        b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
        b"</CORSRule></CORSConfiguration>"
    )
    assert (await store.ask("PUT", "/alpha?cors", {}, body)).code == "InvalidRequest", "a digest is required"
    digest = {"content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}
    assert (await store.ask("PUT", "/alpha?cors", digest, body)).status == 200
    shown = await store.ask("GET", "/alpha?cors")
    assert (shown.element("AllowedOrigin"), shown.element("AllowedMethod")) == ("*", "GET")
    assert (await ask(store, "GET", "/alpha")).headers["access-control-allow-origin"] == "*"
    assert (await store.ask("DELETE", "/alpha?cors")).status == 204
    assert (await store.ask("DELETE", "/alpha?cors")).status == 204
    assert (await store.ask("GET", "/alpha?cors")).code == "NoSuchCORSConfiguration"
    assert told(await ask(store, "GET", "/alpha")) == {}
    for method in ("GET", "DELETE"):
        assert (await store.ask(method, "/nowhere?cors")).code == "NoSuchBucket"

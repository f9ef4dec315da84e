from __future__ import annotations

from ipaddress import ip_network

import pytest

from seglake.adapters.http_s3.proxies import TrustedProxies
from tests.unit.adapters.http_s3.front import front
from tests.wire import Request

PROXIES = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")))


def origin(peer: str, *headers: tuple[str, str], secure: bool = False) -> tuple[str, bool]:
    return PROXIES.origin(peer, [(name.encode(), value.encode()) for name, value in headers], secure=secure)


def forwarded_for(peer: str, *values: str) -> str:
    return origin(peer, *[("X-Forwarded-For", value) for value in values])[0]


@pytest.mark.parametrize("peer", ["192.0.2.7", "::1", "", "11.0.0.1"])
def test_nobody_else_is_believed(peer: str) -> None:
    forged = (("X-Forwarded-For", "10.9.9.9"), ("X-Forwarded-Proto", "https"), ("X-Real-IP", "10.9.9.9"))
    assert origin(peer, *forged) == (peer, False)
    assert origin(peer, ("X-Forwarded-Proto", "http"), secure=True) == (peer, True)


def test_the_rightmost_hop_that_is_not_trusted_is_the_client() -> None:
    assert forwarded_for("10.0.0.1", "192.0.2.7") == "192.0.2.7"
    assert forwarded_for("10.0.0.1", "127.0.0.1, 192.0.2.7") == "192.0.2.7"
    assert forwarded_for("10.0.0.1", "127.0.0.1, 192.0.2.7, 10.0.0.2") == "192.0.2.7"
    assert forwarded_for("10.0.0.1", "127.0.0.1", "192.0.2.7,10.0.0.2") == "192.0.2.7", "several headers are one list"


def test_a_chain_of_proxies_alone_ends_with_the_farthest() -> None:
    assert forwarded_for("10.0.0.1", "10.0.0.3, 10.0.0.2") == "10.0.0.3"
    assert forwarded_for("10.0.0.1") == "10.0.0.1"
    assert forwarded_for("10.0.0.1", "192.0.2.7, " + "10.0.0.2, " * 15 + "10.0.0.2") == "10.0.0.2", "bounded"


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("  192.0.2.7\t", "192.0.2.7"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(entry: str, address: str) -> None:
    assert forwarded_for("10.0.0.1", entry) == address
    assert forwarded_for("2001:db8:1::5", entry) == address
    assert forwarded_for("::ffff:10.0.0.1", entry) == address


@pytest.mark.parametrize(
    "entry", ["unknown", "_hidden", "", "evil.example", "192.0.2", "300.1.1.1", "\xff", "1.2.3.4.5"]
)
def test_what_is_no_address_hides_everything_before_it(entry: str) -> None:
    assert forwarded_for("10.0.0.1", f"192.0.2.9, {entry}") == "10.0.0.1"
    assert forwarded_for("10.0.0.1", f"192.0.2.9, {entry}, 10.0.0.2") == "10.0.0.2"


def test_the_nearest_proxys_word_about_the_scheme_counts() -> None:
    assert origin("10.0.0.1", ("x-forwarded-proto", "https")) == ("10.0.0.1", True)
    assert origin("10.0.0.1", ("x-forwarded-proto", "HTTPS")) == ("10.0.0.1", True)
    assert origin("10.0.0.1", ("x-forwarded-proto", "https, http")) == ("10.0.0.1", False)
    assert origin("10.0.0.1", ("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")) == ("10.0.0.1", False)
    assert origin("10.0.0.1", ("x-forwarded-proto", "http"), secure=True) == ("10.0.0.1", False)
    assert origin("10.0.0.1", ("x-forwarded-proto", "httpss")) == ("10.0.0.1", False)
    assert origin("10.0.0.1", secure=True) == ("10.0.0.1", True)


async def test_rustfs_cve_2026_21862_a_forged_address_reaches_neither_the_log_nor_the_limits() -> None:
    """There, a policy on the source address was passed by a header that anybody may send."""
    for proxies, expected in (((), "127.0.0.1"), ((ip_network("127.0.0.0/8"),), "192.0.2.7")):
        async with front(trusted_proxies=proxies, access_log=True, auth_failures_per_min=1) as store:
            for last in ("192.0.2.7", "192.0.2.7"):
                headers = {"x-forwarded-for": f"127.0.0.1, {last}", "x-forwarded-proto": "https"}
                request = store.signed("GET", "/", headers)
                wrong = request.with_header("authorization", request.headers["authorization"][:-1] + "0")
                if wrong == request:
                    wrong = request.with_header("authorization", request.headers["authorization"][:-1] + "1")
                async with store.wire() as wire:
                    await wire.ask(wrong)
            lines = [fields for _, event, fields in store.log.lines if event == "request"]
            assert [line["peer"] for line in lines] == [expected, expected]
            told = [fields["of"] for _, event, fields in store.log.lines if event == "authentication_failures"]
            assert f"address {expected}" in told


async def test_the_scheme_of_a_location_follows_a_trusted_proxy_only() -> None:
    for proxies, scheme in (((), "http"), ((ip_network("127.0.0.1/32"),), "https")):
        async with front(trusted_proxies=proxies) as store:
            await store.put("/alpha")
            upload = (await store.ask("POST", "/alpha/k?uploads")).element("UploadId")
            part = await store.put(f"/alpha/k?partNumber=1&uploadId={upload}", b"x")
            body = (
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                f"<ETag>{part.headers['etag']}</ETag></Part></CompleteMultipartUpload>"
            ).encode()
            headers = {"x-forwarded-proto": "https", "x-forwarded-host": "evil.example"}
            reply = await store.ask("POST", f"/alpha/k?uploadId={upload}", headers, body)
            assert reply.element("Location") == f"{scheme}://{store.host}/alpha/k"


async def test_aiohttp_cve_2026_34525_a_second_host_is_refused_from_a_trusted_proxy_too() -> None:
    async with front(trusted_proxies=(ip_network("127.0.0.1/32"),)) as store:
        good = store.signed("GET", "/")
        doubled = Request(good.method, good.target, good.headers, more=(("Host", "other.example"),))
        async with store.wire() as wire:
            assert (await wire.ask(doubled)).code in ("BadRequest", "InvalidRequest")

"""POST Object over a real socket: what a form stores, how it is answered, and every way in that must stay shut."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import KeyPolicy
from seglake.domain.model.user import user_arn
from tests.unit.adapters.http_s3.forms import BOUNDARY, encode, form_request, part, sealed, signed_fields
from tests.unit.adapters.http_s3.front import NOW, ROOT, Front, front
from tests.wire import ConnectionEnded, Reply, Request


async def send(store: Front, body: bytes, **headers: str) -> Reply:
    async with store.wire() as wire:
        return await wire.ask(form_request(store.host, body, **headers))


async def post(
    store: Front,
    fields: Mapping[str, str],
    conditions: Sequence[Any] | None = None,
    content: bytes = b"the file",
    **more: Any,
) -> Reply:
    return await send(store, encode(signed_fields(fields, conditions, **more), content))


async def refused(store: Front, body: bytes, status: int, code: str, **headers: str) -> Reply:
    """Sends a form that must be refused and leave nothing behind."""
    before = store.dump()
    reply = await send(store, body, **headers)
    assert (reply.status, reply.code) == (status, code), reply.body
    assert store.dump() == before
    return reply


async def test_a_form_stores_its_file_with_what_its_fields_say(store: Front) -> None:
    fields = {
        "key": "up/${filename}",
        "acl": "bucket-owner-full-control",
        "Content-Type": "image/png",
        "Cache-Control": "max-age=5",
        "Content-Disposition": 'attachment; filename="${filename}"',
        "x-amz-meta-Colour": "blau-ä",
        "x-amz-storage-class": "STANDARD_IA",
        "tagging": "<Tagging><TagSet><Tag><Key>a b</Key><Value>ü=+</Value></Tag></TagSet></Tagging>",
        "x-ignore-this": "anything",
    }
    conditions = [["starts-with", f"${name}", ""] for name in fields if not name.startswith("x-ignore")]
    reply = await post(store, fields, conditions)
    assert (reply.status, reply.body) == (204, b""), reply.body
    assert reply.headers["location"] == f"http://{store.host}/alpha/up/photo.jpg"
    got = await store.ask("GET", "/alpha/up/photo.jpg")
    assert got.body == b"the file"
    assert got.headers["etag"] == reply.headers["etag"]
    assert got.headers["content-type"] == "image/png"
    assert got.headers["cache-control"] == "max-age=5"
    assert got.headers["content-disposition"] == 'attachment; filename="photo.jpg"'
    assert got.headers["x-amz-meta-colour"].startswith("=?UTF-8?B?")
    assert got.headers["x-amz-storage-class"] == "STANDARD_IA"
    assert got.headers["x-amz-tagging-count"] == "1"
    tags = await store.ask("GET", "/alpha/up/photo.jpg?tagging")
    assert (tags.element("Key"), tags.element("Value")) == ("a b", "ü=+")


async def test_the_type_of_the_files_part_is_not_the_objects(store: Front) -> None:
    await post(store, {"key": "k"})
    assert (await store.ask("HEAD", "/alpha/k")).headers["content-type"] == "binary/octet-stream"


@pytest.mark.parametrize("size", [0, 1, 65_536, 262_144, 262_145, 3_000_000, 9_000_000])
async def test_files_of_every_size_are_stored_whole(store: Front, size: int) -> None:
    content = (b"0123456789\r\n--" + BOUNDARY.encode()[:-1]) * (size // 40 + 1)
    reply = await post(store, {"key": "k"}, content=content[:size])
    assert reply.status == 204, reply.body
    assert (await store.ask("GET", "/alpha/k")).body == content[:size]


@pytest.mark.parametrize(
    ("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("", 204), ("418", 204), ("+200", 204)]
)
async def test_the_form_chooses_its_status(store: Front, asked: str, status: int) -> None:
    reply = await post(store, {"key": "a&b/ü", "success_action_status": asked})
    assert reply.status == status
    assert reply.headers["etag"] == f'"{hashlib.md5(b"the file", usedforsecurity=False).hexdigest()}"'
    if status == 201:
        assert reply.headers["content-type"] == "application/xml"
        assert reply.body.decode() == (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<PostResponse><Location>http://{store.host}/alpha/a%26b/%C3%BC</Location><Bucket>alpha</Bucket>"
            f"<Key>a&amp;b/ü</Key><ETag>&quot;{reply.headers['etag'][1:-1]}&quot;</ETag></PostResponse>"
        )
    else:
        assert reply.body == b""


async def test_a_browser_is_sent_on_with_what_was_stored(store: Front) -> None:
    for field in ("success_action_redirect", "redirect"):
        reply = await post(store, {"key": "a b&c", field: "https://page.example/done?x=1#top"})
        etag = reply.headers["etag"][1:-1]
        assert (reply.status, reply.body) == (303, b"")
        query = f"x=1&bucket=alpha&key=a%20b%26c&etag=%22{etag}%22"
        assert reply.headers["location"] == f"https://page.example/done?{query}#top"


@pytest.mark.parametrize(
    "url", ["", "nowhere", "javascript:alert(1)", "https://", "https://a\r\nSet-Cookie: b", "http://[1", "https://a b/"]
)
async def test_a_redirect_that_is_no_url_is_as_if_it_were_not_there(store: Front, url: str) -> None:
    reply = await post(store, {"key": "k", "success_action_redirect": url})
    assert reply.status == 204
    assert reply.headers["location"].endswith("/alpha/k")


async def test_only_the_part_named_file_is_the_file(store: Front) -> None:
    fields = signed_fields({"key": "k"})
    body = b"".join(part(name, value.encode(), file_name="blob") for name, value in fields.items())
    body += part("FILE", b"content", file_name="a.bin") + f"--{BOUNDARY}--\r\n".encode()
    assert (await send(store, body)).status == 204
    assert (await store.ask("GET", "/alpha/k")).body == b"content"


async def test_names_of_fields_and_conditions_have_no_case(store: Front) -> None:
    fields = signed_fields(
        {"kEy": "foo/1", "CONTENT-type": "a/b"}, [["StArTs-WiTh", "$KeY", "foo"], {"content-Type": "a/b"}]
    )
    fields = {name.upper() if name.startswith("x-amz") else name: value for name, value in fields.items()}
    assert (await send(store, encode(fields))).status == 204


async def test_what_is_behind_the_file_may_not_mean_anything(store: Front) -> None:
    fields = signed_fields({"key": "k"})
    assert (await send(store, encode(fields, behind=[("submit", "Upload")]))).status == 204
    for name in ("acl", "key", "X-Amz-Meta-A", "Content-Type", "success_action_status"):
        await refused(store, encode(fields, behind=[(name, "x")]), 400, "InvalidArgument")
    reply = await refused(store, encode(fields, behind=[("file", "second")]), 400, "InvalidArgument")
    assert reply.element("ArgumentName") == "file"


async def test_a_form_without_file_or_key_is_refused(store: Front) -> None:
    reply = await refused(store, encode(signed_fields({"key": "k"}), None), 400, "InvalidArgument")
    assert (reply.element("ArgumentName"), reply.element("ArgumentValue")) == ("file", "0")
    reply = await refused(store, encode(signed_fields({})), 400, "InvalidArgument")
    assert reply.element("ArgumentName") == "key"
    await refused(store, encode(signed_fields({"key": ""})), 400, "InvalidArgument")
    await refused(store, encode(signed_fields({"key": "k" * 1025})), 400, "KeyTooLongError")


async def test_what_is_no_form_is_refused(store: Front) -> None:
    body = encode(signed_fields({"key": "k"}))
    reply = await refused(store, body, 412, "PreconditionFailed", content_type="application/x-www-form-urlencoded")
    assert "multipart/form-data" in reply.element("Condition")
    await refused(store, body, 400, "MalformedPOSTRequest", content_type="multipart/form-data")
    await refused(store, body, 400, "MalformedPOSTRequest", content_type="multipart/form-data; boundary=other")
    await refused(store, body[:-4], 400, "MalformedPOSTRequest")
    await refused(store, body[:-40], 400, "MalformedPOSTRequest")


async def test_fields_are_bounded(store: Front) -> None:
    long = {"key": "k", "x-ignore-a": "x" * 21_000}
    await refused(store, encode(signed_fields(long)), 400, "MaxPostPreDataLengthExceeded")
    await refused(store, encode(signed_fields({"key": "k"}), behind=[("x", "x" * 21_000)]), 400, "MalformedPOSTRequest")
    fine = signed_fields({"key": "k", "x-ignore-a": "x" * 17_000}, [{"key": "k"}])
    assert (await send(store, encode(fine))).status == 204


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("x-amz-copy-source", "/alpha/secret", "NotImplemented"),
        ("x-amz-website-unknown", "1", "NotImplemented"),
        ("x-amz-decoded-content-length", "1", "NotImplemented"),
        ("x-amz-object-lock-mode", "GOVERNANCE", "NotImplemented"),
        ("if-none-match", "*", "NotImplemented"),
        ("x-amz-meta-a", "line\r\nSet-Cookie: b", "InvalidArgument"),
        ("x-amz-meta-a\r\nset-cookie: b", "1", "MalformedPOSTRequest"),
        ("x-amz-meta-a b", "1", "InvalidArgument"),
        ("Content-Type", "a/b\nx", "InvalidArgument"),
        ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
        ("tagging", "a=1", "MalformedXML"),
        ("bucket", "beta", "AccessDenied"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("x-amz-security-token", "t", "InvalidToken"),
        ("AWSAccessKeyId", "root-key", "InvalidRequest"),
        ("signature", "c2ln", "InvalidRequest"),
    ],
)
async def test_a_field_that_cannot_be_heeded_refuses_the_form(store: Front, field: str, value: str, code: str) -> None:
    statuses = {"NotImplemented": 501, "AccessDenied": 403}
    body = encode(signed_fields({"key": "k", field: value}))
    await refused(store, body, statuses.get(code, 400), code)


async def test_checksums_in_fields_are_verified_and_kept(store: Front) -> None:
    reply = await post(store, {"key": "k", "x-amz-checksum-crc32": "f9/Eiw=="}, content=b"hello")
    assert reply.code == "BadDigest"
    reply = await post(store, {"key": "k", "x-amz-checksum-crc32": "NhCmhg=="}, content=b"hello")
    assert (reply.status, reply.headers["x-amz-checksum-crc32"]) == (204, "NhCmhg==")


@pytest.mark.parametrize(
    ("size", "code"), [(4, "EntityTooSmall"), (5, ""), (10, ""), (11, "EntityTooLarge"), (700_000, "EntityTooLarge")]
)
async def test_the_size_of_the_file_is_held_against_the_policy(store: Front, size: int, code: str) -> None:
    conditions = [{"key": "k"}, ["content-length-range", 5, 10]]
    before = store.dump()
    reply = await post(store, {"key": "k"}, conditions, content=b"x" * size)
    assert reply.code == code
    assert (store.dump() == before) == bool(code)


async def test_a_large_file_below_the_minimum_is_never_committed(store: Front) -> None:
    conditions = [{"key": "k"}, ["content-length-range", 2_000_000, 3_000_000]]
    before = store.dump()
    reply = await post(store, {"key": "k"}, conditions, content=b"x" * 1_999_999)
    assert (reply.code, reply.element("MinSizeAllowed")) == ("EntityTooSmall", "2000000")
    assert store.dump() == before


@pytest.mark.parametrize(
    ("fields", "conditions", "message"),
    [
        ({"key": "k"}, [{"key": "other"}], "Policy Condition failed"),
        ({"key": "k"}, [["eq", "$key", "K"]], "Policy Condition failed"),
        ({"key": "k"}, [["starts-with", "$key", "a/"]], "Policy Condition failed"),
        ({"key": "${filename}"}, [["starts-with", "$key", "$"]], "Policy Condition failed"),
        ({"key": "k", "x-amz-meta-a": "1"}, [{"key": "k"}], "Extra input fields: x-amz-meta-a"),
        ({"key": "k", "submit": "go"}, [{"key": "k"}], "Extra input fields: submit"),
        ({"key": "k"}, [{"key": "k"}, {"acl": "private"}], "Policy Condition failed"),
    ],
)
async def test_what_the_policy_does_not_allow_is_refused(
    store: Front, fields: dict[str, str], conditions: list[Any], message: str
) -> None:
    reply = await refused(store, encode(signed_fields(fields, conditions)), 403, "AccessDenied")
    assert message in reply.element("Message")


async def test_a_policy_is_for_one_bucket_and_a_time(store: Front) -> None:
    await store.put("/beta")
    await refused(store, encode(signed_fields({"key": "k"}, bucket="beta")), 403, "AccessDenied")
    await refused(store, encode(signed_fields({"key": "k"}, valid_s=0)), 403, "AccessDenied")
    await refused(store, encode(signed_fields({"key": "k"}, now=NOW - 601)), 403, "AccessDenied")
    assert (await post(store, {"key": "k"}, now=NOW - 86_400, valid_s=90_000)).status == 204


async def test_a_form_is_proven_by_its_signature(store: Front) -> None:
    good = signed_fields({"key": "k"})
    other = signed_fields({"key": "other"})
    body = encode({**good, "policy": other["policy"]})
    await refused(store, body, 403, "SignatureDoesNotMatch")
    last = "0" if good["x-amz-signature"][-1] != "0" else "1"
    await refused(
        store, encode({**good, "x-amz-signature": good["x-amz-signature"][:-1] + last}), 403, "SignatureDoesNotMatch"
    )
    await refused(store, encode({**good, "x-amz-signature": "a" * 63}), 400, "InvalidArgument")
    forger = Signer(ROOT.access_key, "another secret")
    await refused(store, encode(signed_fields({"key": "k"}, signer=forger)), 403, "SignatureDoesNotMatch")
    unknown = Signer("nobody", ROOT.secret)
    await refused(store, encode(signed_fields({"key": "k"}, signer=unknown)), 403, "InvalidAccessKeyId")
    elsewhere = Signer(ROOT.access_key, ROOT.secret, "eu-west-9")
    await refused(store, encode(signed_fields({"key": "k"}, signer=elsewhere)), 400, "InvalidArgument")
    for name in ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"):
        reply = await refused(store, encode({n: v for n, v in good.items() if n != name}), 400, "InvalidArgument")
        assert reply.element("ArgumentName") == name
    for name, value in (
        ("x-amz-algorithm", "AWS4-HMAC-SHA1"),
        ("x-amz-credential", "root-key/20231114/us-east-1/sqs/aws4_request"),
        ("x-amz-date", "20231115T000000Z"),
    ):
        reply = await refused(store, encode({**good, name: value}), 400, "InvalidArgument")
        assert reply.element("ArgumentName") == name


async def test_the_date_and_the_credential_must_be_those_of_the_policy(store: Front) -> None:
    good = signed_fields({"key": "k"})
    await refused(store, encode({**good, "x-amz-date": "20231114T000000Z"}), 403, "AccessDenied")


async def test_without_a_policy_a_form_is_anonymous(store: Front) -> None:
    await refused(store, encode({"key": "k"}), 403, "AccessDenied")


async def test_a_forms_key_may_only_do_what_its_policy_allows(store: Front) -> None:
    reader, elsewhere = Signer("ro-key", "reader-secret"), Signer("listed", "listed-secret")
    await store.add_key(reader, policy=KeyPolicy.READ_ONLY)
    await store.add_key(elsewhere, buckets=("beta",))
    for signer in (reader, elsewhere):
        await refused(store, encode(signed_fields({"key": "k"}, signer=signer)), 403, "AccessDenied")
    await refused(
        store, encode(signed_fields({"key": "k"}, bucket="gone-bucket")), 404, "NoSuchBucket", target="/gone-bucket"
    )


async def test_a_form_is_authenticated_by_nothing_else(store: Front) -> None:
    body = encode(signed_fields({"key": "k"}))
    form = form_request(store.host, body)
    async with store.wire() as wire:
        for whole in (
            store.signed("POST", "/alpha", {"content-type": form.headers["content-type"]}, body),
            Request("POST", "/alpha?x-amz-acl=private", form.headers, body),
            form.with_header("x-amz-acl", "private"),
            form.with_header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ):
            before = store.dump()
            reply = await wire.ask(whole)
            assert reply.status in (400, 501), reply.body
            assert store.dump() == before


async def test_a_form_that_is_cut_off_stores_nothing(store: Front) -> None:
    whole = form_request(store.host, encode(signed_fields({"key": "k"}), b"x" * 500_000))
    before = store.dump()
    async with store.wire() as wire:
        await wire.send(whole.bytes()[:-1000])
        wire.writer.close()
        with pytest.raises(ConnectionEnded):
            await wire.reply()
    assert store.dump() == before


async def test_a_policy_that_cannot_be_read_is_refused_after_its_signature(store: Front) -> None:
    good = signed_fields({"key": "k"})
    broken = sealed("{", ROOT, good["x-amz-date"])
    await refused(store, encode({**good, **broken}), 400, "InvalidPolicyDocument")
    await refused(store, encode({**good, "policy": broken["policy"]}), 403, "SignatureDoesNotMatch")


async def test_a_form_asks_for_encryption_as_a_put_does(store: Front) -> None:
    reply = await post(store, {"key": "k", "x-amz-server-side-encryption": "AES256"})
    assert (reply.status, reply.headers["x-amz-server-side-encryption"]) == (204, "AES256"), reply.body
    got = await store.ask("GET", "/alpha/k")
    assert (got.body, got.headers["x-amz-server-side-encryption"]) == (b"the file", "AES256")
    before = store.dump()
    assert (await post(store, {"key": "k", "x-amz-server-side-encryption": "none"})).status in (400, 501)
    assert store.dump() == before


async def test_a_bucket_policy_can_tell_forms_from_other_requests(store: Front) -> None:
    other = Signer("rw-key", "writer-secret")
    await store.add_user("betty")
    await store.add_key(other, user="betty")

    def statement(condition: dict[str, Any]) -> str:
        allow = {"Effect": "Allow", "Principal": {"AWS": user_arn("betty")}, "Action": "s3:PutObject"}
        one = {**allow, "Resource": "arn:aws:s3:::alpha/up/*", "Condition": condition}
        return json.dumps({"Version": "2012-10-17", "Statement": [one]})

    await store.store.settings.put("alpha", ConfigKind.POLICY, statement({"StringEquals": {"s3:authType": "POST"}}))
    assert (await post(store, {"key": "up/k"}, signer=other)).status == 204
    assert (await post(store, {"key": "down/k"}, signer=other)).code == "AccessDenied"
    async with store.wire() as wire:
        assert (await wire.ask(store.signed("PUT", "/alpha/up/k", signer=other))).code == "AccessDenied"
    await store.store.settings.put(
        "alpha", ConfigKind.POLICY, statement({"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}})
    )
    assert (await post(store, {"key": "up/k"}, signer=other)).code == "AccessDenied"
    assert (await post(store, {"key": "up/k", "x-amz-storage-class": "STANDARD_IA"}, signer=other)).status == 204
    assert (await store.ask("HEAD", "/alpha/up/k")).headers["x-amz-storage-class"] == "STANDARD_IA"


async def test_anonymous_forms_reach_public_buckets_only() -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::{}/in/*"}
    async with front(public_buckets=frozenset(("open-bucket",))) as store:
        for bucket in ("open-bucket", "shut-bucket"):
            await store.put(f"/{bucket}")
            text = json.dumps({"Version": "2012-10-17", "Statement": [allow]}).replace("{}", bucket)
            await store.store.settings.put(bucket, ConfigKind.POLICY, text)
        assert (await send(store, encode({"key": "in/k"}), target="/open-bucket")).status == 204
        assert (await store.ask("GET", "/open-bucket/in/k")).body == b"the file"
        await refused(store, encode({"key": "out/k"}), 403, "AccessDenied", target="/open-bucket")
        await refused(store, encode({"key": "in/k"}), 403, "AccessDenied", target="/shut-bucket")


async def test_where_digests_are_required_a_form_needs_one_too() -> None:
    async with front(require_content_md5=True) as store:
        assert (await store.ask("PUT", "/alpha")).status == 200
        await refused(store, encode(signed_fields({"key": "k"})), 400, "InvalidRequest")
        digest = base64.b64encode(hashlib.md5(b"the file", usedforsecurity=False).digest()).decode()
        assert (await post(store, {"key": "k", "Content-MD5": digest})).status == 204


async def test_forms_that_fail_to_authenticate_are_counted_like_other_requests() -> None:
    async with front(auth_failures_per_min=2) as store:
        await store.put("/alpha")
        forger = Signer(ROOT.access_key, "another secret")
        body = encode(signed_fields({"key": "k"}, signer=forger))
        codes = [(await send(store, body)).code for _ in range(3)]
        assert codes == ["SignatureDoesNotMatch", "SignatureDoesNotMatch", "SlowDown"]
        assert (await post(store, {"key": "k"})).status == 204

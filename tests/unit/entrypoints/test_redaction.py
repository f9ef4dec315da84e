"""Nothing secret passes, whatever shape it comes in; what is not secret stays readable."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.entrypoints.redaction import REDACTED, Redactor

CANARY = "wJalrXUtnFEMIcanaryK7MDENG"
SIGNATURE = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"


def redact(event: dict[str, Any], *hidden: str) -> str:
    return json.dumps(Redactor(hidden)(None, "info", event))


@pytest.mark.parametrize(
    "key",
    [
        "secret_key",
        "SecretAccessKey",
        "password",
        "Authorization",
        "signature",
        "session_token",
        "master_key",
        "cookie",
        "x-amz-server-side-encryption-customer-key",
    ],
)
@pytest.mark.parametrize("shape", [str, lambda v: [v], lambda v: {"x": v}, lambda v: v.encode()])
def test_values_under_telling_names_are_replaced(key: str, shape: Any) -> None:
    shown = redact({"event": "x", key: shape(CANARY), "deep": {"down": [{key: shape(CANARY)}]}})
    assert CANARY not in shown
    assert shown.count(REDACTED) == 2


@pytest.mark.parametrize(
    "text",
    [
        f"GET /b/k?X-Amz-Signature={CANARY}&X-Amz-Expires=60",
        f"GET /b/k?X-Amz-Expires=60&X-Amz-Credential={CANARY}%2F20260101%2Fus-east-1 HTTP/1.1",
        f"/b/k?x-amz-security-token={CANARY}",
        f"redirect?to=%2Fb%3FX-Amz-Signature%3D{CANARY}%26X-Amz-Expires%3D60",
        f"/b/k?AWSAccessKeyId={CANARY}&Signature={CANARY}&Expires=1",
        f"AWS4-HMAC-SHA256 Credential={CANARY}/20260101/us-east-1/s3/aws4_request, Signature={CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"('Authorization', 'AWS AKID:{CANARY}')",
        f"(b'authorization', b'Basic {CANARY}')",
        f"Settings(access_key='test', secret_key='{CANARY}')",
        f'{{"SecretAccessKey": "{CANARY}"}}',
        f"password={CANARY}",
        f"aws_secret_access_key = {CANARY}",
        f"SEGLAKE_SECRET_KEY={CANARY} seglake server",
        f"X-Amz-Security-Token: {CANARY}",
        f"PUT /b/k?X-Amz-Server-Side-Encryption-Customer-Key={CANARY}%2B%3D&X-Amz-Expires=60",
        f"{{'x-amz-copy-source-server-side-encryption-customer-key': '{CANARY}+/='}}",
        f"(b'X-Amz-Server-Side-Encryption-Customer-Key', b'{CANARY}')",
    ],
)
def test_secrets_inside_texts_are_cut_out(text: str) -> None:
    shapes: list[Any] = [text, text.encode(), [text], {"k": (text,)}, ValueError(text), {text: 1}]
    for shape in shapes:
        assert CANARY not in redact({"event": "x", "value": shape})
    assert CANARY not in redact({"event": text})
    assert CANARY not in redact({"event": "x", "exception": f"Traceback:\n  {text}\n"})


def test_what_stands_beside_a_secret_stays_readable() -> None:
    shown = redact(
        {"event": f"GET /b/k?X-Amz-Expires=60&X-Amz-Signature={SIGNATURE}&versionId=7 HTTP/1.1", "bucket": "b"}
    )
    assert "X-Amz-Expires=60" in shown
    assert "versionId=7 HTTP/1.1" in shown
    assert '"bucket": "b"' in shown
    nested = Redactor().text(f"to=%2Fb%3FX-Amz-Signature%3D{SIGNATURE}%26X-Amz-Expires%3D60")
    assert nested == f"to=%2Fb%3FX-Amz-Signature%3D{REDACTED}%26X-Amz-Expires%3D60"


def test_a_hidden_value_stands_nowhere_even_without_a_telling_name() -> None:
    event = {"event": f"odd {CANARY} place", "n": [CANARY], "key": f"a{CANARY}b", "raw": CANARY.encode(), CANARY: 1}
    event["nested"] = {CANARY: 1}
    shown = redact({k: v for k, v in event.items() if k != CANARY}, CANARY)
    assert CANARY not in shown
    assert "odd" in shown


def test_a_representation_of_an_object_is_cleaned_too() -> None:
    @dataclass
    class Key:
        secret_key: str

    assert CANARY not in redact({"event": "x", "object": Key(CANARY)})


def test_depth_is_bounded() -> None:
    deep: Any = CANARY
    for _ in range(50):
        deep = [deep]
    assert CANARY not in redact({"event": "x", "value": deep}, CANARY)


def test_a_request_can_neither_forge_a_line_nor_steer_the_terminal() -> None:
    event = Redactor()(
        None, "info", {"event": 'bad request\n{"event":"forged"}\x1b[2J', "path": "/a\r\nb", "exception": "a\nb\x1b"}
    )
    assert event["event"] == 'bad request\\n{"event":"forged"}\\x1b[2J'
    assert event["path"] == "/a\\x0d\\nb"
    assert event["exception"] == "a\nb\\x1b"


def test_plain_values_pass_unchanged() -> None:
    event = {"event": "commit", "ops": 12, "ms": 0.5, "ok": True, "none": None, "names": ["ä", "b"], "sizes": {"a": 1}}
    assert Redactor()(None, "info", dict(event)) == event


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_becomes_one_that_json_knows(value: Any) -> None:
    json.dumps(Redactor(["hidden-value"])(None, "info", {"event": "x", "value": value}))


@given(st.text(), st.text())
def test_a_hidden_value_never_survives_its_surroundings(before: str, after: str) -> None:
    assert CANARY not in Redactor([CANARY]).text(before + CANARY + after)

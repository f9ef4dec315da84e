"""Encryption headers are understood whole or refused, and no refusal holds a key."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from seglake.adapters.s3_protocol.encryption_headers import (
    BUCKET_KEY,
    CUSTOMER,
    KMS_KEY_ID,
    SOURCE_CUSTOMER,
    SSE,
    answered,
    asked,
    customer_key,
    refuse_method_on_read,
    require_private,
    ring_key_name,
)
from seglake.adapters.s3_protocol.errors import S3Error
from seglake.domain.model.encryption import KMS_KEY, SSE_S3, Encryption, EncryptionKind, Protection

REGIONS = frozenset(("us-east-1", "us"))
KEY = bytes(range(32))
TEXT = b64encode(KEY).decode()
MD5 = b64encode(hashlib.md5(KEY, usedforsecurity=False).digest()).decode()
WHOLE = {f"{CUSTOMER}algorithm": "AES256", f"{CUSTOMER}key": TEXT, f"{CUSTOMER}key-md5": MD5}


def _refusal(headers: dict[str, str]) -> str:
    with pytest.raises(S3Error) as caught:
        asked(headers, REGIONS)
    shown = f"{caught.value.message}{caught.value.extra}"
    assert TEXT not in shown
    assert KEY.hex() not in shown
    return caught.value.code.text


def test_what_a_write_may_ask_for() -> None:
    assert asked({"content-type": "x"}, REGIONS) is None
    assert asked({SSE: "AES256"}, REGIONS) is SSE_S3
    assert asked({SSE: "aws:kms"}, REGIONS) == Protection(EncryptionKind.KMS, KMS_KEY)
    assert asked({SSE: "aws:kms", KMS_KEY_ID: "mine", BUCKET_KEY: "true"}, REGIONS) == Protection(
        EncryptionKind.KMS, "mine", True
    )
    assert asked({SSE: "aws:kms", BUCKET_KEY: "False"}, REGIONS) == Protection(EncryptionKind.KMS, KMS_KEY, False)
    assert asked(WHOLE, REGIONS) == Protection(EncryptionKind.CUSTOMER, customer=KEY)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({SSE: "AES128"}, "InvalidArgument"),
        ({SSE: ""}, "InvalidArgument"),
        ({SSE: "aws:kms:dsse"}, "NotImplemented"),
        ({KMS_KEY_ID: "mine"}, "InvalidArgument"),
        ({SSE: "AES256", KMS_KEY_ID: "mine"}, "InvalidArgument"),
        ({BUCKET_KEY: "true"}, "InvalidArgument"),
        ({SSE: "aws:kms", BUCKET_KEY: "1"}, "InvalidArgument"),
        ({SSE: "AES256", BUCKET_KEY: "1"}, "InvalidArgument"),
        ({SSE: "aws:kms", KMS_KEY_ID: ""}, "KMS.NotFoundException"),
        ({**WHOLE, SSE: "AES256"}, "InvalidArgument"),
        ({**WHOLE, KMS_KEY_ID: "mine"}, "InvalidArgument"),
        ({**WHOLE, BUCKET_KEY: "true"}, "InvalidArgument"),
        ({**WHOLE, f"{CUSTOMER}algorithm": "AES128"}, "InvalidEncryptionAlgorithmError"),
        ({**WHOLE, f"{CUSTOMER}algorithm": "aws:kms"}, "InvalidEncryptionAlgorithmError"),
        ({**WHOLE, f"{CUSTOMER}key": b64encode(KEY[:16]).decode()}, "InvalidArgument"),
        ({**WHOLE, f"{CUSTOMER}key": b64encode(KEY + b"x").decode()}, "InvalidArgument"),
        ({**WHOLE, f"{CUSTOMER}key": TEXT[:-1]}, "InvalidArgument"),
        ({**WHOLE, f"{CUSTOMER}key": f" {TEXT}"}, "InvalidArgument"),
        ({**WHOLE, f"{CUSTOMER}key": KEY.hex()}, "InvalidArgument"),
        ({**WHOLE, f"{CUSTOMER}key-md5": b64encode(bytes(16)).decode()}, "InvalidArgument"),
        ({**WHOLE, f"{CUSTOMER}key-md5": "ä"}, "InvalidArgument"),
    ],
)
def test_what_is_not_understood_is_refused(headers: dict[str, str], code: str) -> None:
    assert _refusal(headers) == code


@pytest.mark.parametrize("missing", list(WHOLE))
def test_a_customers_key_comes_whole(missing: str) -> None:
    assert _refusal({name: value for name, value in WHOLE.items() if name != missing}) == "InvalidArgument"


def test_the_sources_key_has_headers_of_its_own() -> None:
    headers = {name.replace(CUSTOMER, SOURCE_CUSTOMER): value for name, value in WHOLE.items()}
    assert customer_key(headers, SOURCE_CUSTOMER) == KEY
    assert customer_key(headers) == b""
    assert asked(headers, REGIONS) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mine", "mine"),
        ("team/mine-2_x", "team/mine-2_x"),
        ("alias/mine", "mine"),
        ("alias/aws/s3", KMS_KEY),
        ("arn:aws:kms:us-east-1:000000000000:key/mine", "mine"),
        ("arn:aws:kms:us-east-1:000000000000:key/team/mine", "team/mine"),
        ("arn:aws:kms:us-east-1:000000000000:alias/mine", "mine"),
        ("arn:aws:kms:us-east-1:000000000000:alias/aws/s3", KMS_KEY),
        ("arn:aws:kms:us-east-1:000000000000:key/seglake/kms", KMS_KEY),
    ],
)
def test_names_of_keys(text: str, name: str) -> None:
    assert ring_key_name(text, REGIONS) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "ä",
        "k" * 129,
        "seglake/s3",
        "alias/seglake/s3",
        "arn:aws:kms:us-east-1:000000000000:key/",
        "arn:aws:kms:us-east-1:000000000000:grant/mine",
        "arn:aws:kms:eu-north-1:000000000000:key/mine",
        "arn:aws:kms:us-east-1:111111111111:key/mine",
        "arn:aws:s3:us-east-1:000000000000:key/mine",
        "arn:aws:kms",
    ],
)
def test_names_of_no_key_here(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        ring_key_name(text, REGIONS)
    assert (caught.value.code.text, caught.value.code.status) == ("KMS.NotFoundException", 400)


def test_what_an_answer_says() -> None:
    kms = Encryption(EncryptionKind.KMS, b"w", "mine", 2)
    arn = (KMS_KEY_ID, "arn:aws:kms:us-east-1:000000000000:key/mine")
    assert answered(Encryption(EncryptionKind.S3, b"w", "seglake/s3", 1), "us-east-1") == ((SSE, "AES256"),)
    assert answered(kms, "us-east-1") == ((SSE, "aws:kms"), arn)
    kept = Encryption(EncryptionKind.KMS, b"w", "mine", 2, bucket_key=True)
    assert answered(kept, "us-east-1") == ((SSE, "aws:kms"), arn, (BUCKET_KEY, "true"))
    customers = Encryption(EncryptionKind.CUSTOMER, b"w", key_md5=MD5)
    assert answered(customers, "us-east-1") == ((f"{CUSTOMER}algorithm", "AES256"), (f"{CUSTOMER}key-MD5", MD5))


def test_a_read_chooses_no_method() -> None:
    refuse_method_on_read(WHOLE)
    for name in (SSE, KMS_KEY_ID, BUCKET_KEY):
        with pytest.raises(S3Error):
            refuse_method_on_read({name: "AES256"})


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1", "", "localhost", "::ffff:192.0.2.1"])
def test_a_customers_key_does_not_travel_in_clear(peer: str) -> None:
    with pytest.raises(S3Error, match="secure connection") as caught:
        require_private(secure=False, peer=peer, anywhere=False)
    assert caught.value.code.text == "InvalidRequest"
    require_private(secure=True, peer=peer, anywhere=False)
    require_private(secure=False, peer=peer, anywhere=True)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_private(peer: str) -> None:
    require_private(secure=False, peer=peer, anywhere=False)

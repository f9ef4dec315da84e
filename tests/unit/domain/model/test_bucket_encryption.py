from __future__ import annotations

import pytest

from seglake.domain.model.bucket_encryption import BucketEncryption, parse_text, to_text
from seglake.domain.model.encryption import KMS_KEY, S3_KEY, EncryptionKind, Protection

CONFIGS = [
    BucketEncryption(Protection(EncryptionKind.S3, S3_KEY, False)),
    BucketEncryption(Protection(EncryptionKind.KMS, KMS_KEY, True)),
    BucketEncryption(Protection(EncryptionKind.KMS, "mine", False), "alias/mine", blocks_customer_keys=True),
    BucketEncryption(None, blocks_customer_keys=True),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_text_is_the_value_and_the_value_its_text(config: BucketEncryption) -> None:
    assert parse_text(to_text(config)) == config
    assert to_text(parse_text(to_text(config))) == to_text(config)


def test_texts_differ_where_values_do() -> None:
    assert len({to_text(config) for config in CONFIGS}) == len(CONFIGS)


def test_a_customers_key_is_no_default_and_shows_nowhere() -> None:
    asked = Protection(EncryptionKind.CUSTOMER, customer=b"K" * 32)
    assert "KKKK" not in repr(asked)
    with pytest.raises(AssertionError):
        BucketEncryption(asked)

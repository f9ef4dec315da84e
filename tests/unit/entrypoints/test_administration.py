"""The given root key and the public buckets reach the use cases of administration."""

from __future__ import annotations

import pytest

from seglake.adapters.admin_socket.operations import call
from seglake.domain.model.admin_errors import AccessKeyOfFlags
from seglake.entrypoints.administration import given_root, public_buckets_of
from seglake.entrypoints.settings import load_settings
from tests.unit.adapters.admin_socket.rig import services
from tests.unit.fixtures import Store


async def test_the_given_root_key_is_known_and_left_alone() -> None:
    known = services(Store(), access_key="given", secret_key="given-secret")
    with pytest.raises(AccessKeyOfFlags):
        await call(known, "key.rotate", {"access_key": "given"})
    found = await call(known, "policy.explain", {"key": "given", "action": "s3:ListAllMyBuckets", "resource": "*"})
    assert found["ground"] == "root key"


async def test_public_buckets_count_in_explanations() -> None:
    asked = {"action": "s3:GetObject", "resource": "site/index.html"}
    assert (await call(services(Store()), "policy.explain", asked))["ground"] == "public buckets"
    listed = services(Store(), public_buckets="site")
    assert (await call(listed, "policy.explain", asked))["ground"] == "nothing allows it"


def test_settings_name_them() -> None:
    assert given_root(load_settings()) is None
    assert public_buckets_of(load_settings(public_buckets="site, media")) == {"site", "media"}

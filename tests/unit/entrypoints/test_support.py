"""P17: a support bundle tells about a store, and nothing that opens it or names what is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import Credential
from seglake.domain.ports.progress import silent
from seglake.domain.services.access import PutCredential
from seglake.domain.services.findings import error
from seglake.entrypoints import support
from seglake.entrypoints.apart import ReadHere
from seglake.entrypoints.redaction import REDACTED
from seglake.entrypoints.selection import AdapterContext
from seglake.entrypoints.settings import load_settings
from seglake.entrypoints.support import gather, hashed, log_lines, shown_settings
from tests.unit.fixtures import Store

CANARY = "canary-0123456789"


async def gathered(*, with_keys: bool = False, serving: bool = False) -> dict[str, Any]:
    store = Store()
    await store.bucket(f"{CANARY}-bucket")
    await store.put(f"{CANARY}-key", b"body", bucket=f"{CANARY}-bucket")
    await store.settings.put(f"{CANARY}-bucket", ConfigKind.POLICY, f'{{"canary": "{CANARY}-policy"}}')
    sealed = store.box.seal(f"{CANARY}-secret".encode(), b"AKIACANARY")
    await store.committer.commit(PutCredential(Credential("AKIACANARY", sealed)))
    settings = load_settings(access_key="AKIAROOT", secret_key=f"{CANARY}-root-secret", ephemeral=True)
    context = AdapterContext(settings, None, store.clock, store.randomness, store.digests, store.offload, store.log)
    reads = ReadHere(store.metadata, store.files)
    found = gather(context, store.metadata, reads, silent, serving=serving, with_keys=with_keys)
    assert found["checks.json"]["sound"]
    assert sealed.hex() not in json.dumps(found)
    assert "AKIACANARY" not in json.dumps(found)
    return found


@pytest.mark.parametrize("serving", [True, False])
async def test_a_bundle_has_no_secret_no_policy_and_no_name(*, serving: bool) -> None:
    found = await gathered(serving=serving)
    assert CANARY not in json.dumps(found)
    assert found["status.json"]["buckets"][0]["configured"] == ["POLICY"]
    assert found["status.json"]["access_keys"] == 1
    assert found["status.json"]["objects"] == 1


async def test_names_are_shown_to_whoever_asks_but_never_secrets() -> None:
    found = await gathered(with_keys=True)
    assert found["status.json"]["buckets"][0]["name"] == f"{CANARY}-bucket"
    text = json.dumps(found)
    for secret in ("secret", "root-secret", "policy"):
        assert f"{CANARY}-{secret}" not in text


def test_secret_settings_are_masked_and_the_others_told() -> None:
    shown = shown_settings(load_settings(access_key="AKIAROOT", secret_key=f"{CANARY}-x", ephemeral=True))
    assert shown["secret_key"] == shown["access_key"] == REDACTED
    assert shown["ephemeral"] is True
    assert CANARY not in json.dumps(shown)


def test_lines_of_the_index_are_reduced_to_their_table() -> None:
    quoted = error("index", f"api_keys: a row of api_keys is damaged: ('AKIA', '{CANARY}')")
    for with_keys in (False, True):
        assert support._finding(quoted, with_keys=with_keys)["text"] == "api_keys"
    named = error(f"bucket/{CANARY}?versionId=1", f"{CANARY} is damaged")
    assert CANARY not in str(support._finding(named, with_keys=False))
    assert CANARY in str(support._finding(named, with_keys=True))


def test_a_damaged_store_still_gives_a_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    from seglake.domain.model.errors import MetadataDamaged

    def damaged(*_args: object, **_more: object) -> dict[str, Any]:
        raise MetadataDamaged(f"a row is damaged: {CANARY}")

    assert support._or_reason(damaged) == {"error": "MetadataDamaged"}


def test_of_a_log_only_what_names_nobody_is_shown() -> None:
    lines = [
        json.dumps({"event": "request", "status": 200, "path": f"/b/{CANARY}", "peer": "10.0.0.1", "method": "GET"}),
        json.dumps({"event": "x", "secret_key": CANARY}),
        f"2024-01-01 [info] request path=/b/{CANARY}",
        "[1, 2]",
    ]
    shown = log_lines(lines, with_keys=False)
    assert CANARY not in "".join(shown)
    first = json.loads(shown[0])
    assert (first["event"], first["status"], first["method"]) == ("request", 200, "GET")
    assert first["path"] == hashed(f"/b/{CANARY}")
    assert "10.0.0.1" not in shown[0]
    assert len(shown) == 2
    open_ = log_lines(lines, with_keys=True)
    assert json.loads(open_[0])["path"] == f"/b/{CANARY}"
    assert json.loads(open_[1])["secret_key"] == REDACTED


def test_equal_names_have_equal_hashes() -> None:
    assert hashed("a") == hashed("a") != hashed("b")

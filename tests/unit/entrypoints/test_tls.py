from __future__ import annotations

import asyncio
import os
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.system.threads import InlineOffload
from seglake.entrypoints.tls import Certificate, CertificateUnusable, keep_renewed
from seglake.testing.contracts.doubles import ManualClock
from tests.certificates import encrypt_key, make_certificate
from tests.unit.fixtures import RecordingLog


class Scene:
    def __init__(self, place: Path) -> None:
        self.chain, self.key = place / "chain.pem", place / "key.pem"
        self.log = RecordingLog()
        clock = ManualClock()
        # The clock of the tests stands in the past; these certificates begin yesterday.
        clock.now_ms = lambda: int(self.chain.stat().st_mtime * 1000)  # type: ignore[method-assign]
        self.certificate = Certificate(self.chain, self.key, clock=clock, log=self.log)

    def make(self, **more: Any) -> None:
        make_certificate(self.chain, self.key, **more)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.make()
    return made


def test_a_certificate_is_loaded_for_tls_1_2_and_newer(scene: Scene) -> None:
    context = scene.certificate.load()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert names
    for name in names:
        assert "GCM" in name or "CHACHA20" in name
        assert name.startswith(("ECDHE-", "TLS_"))
    assert context.verify_mode is ssl.CERT_NONE, "clients show no certificate"
    level, event, fields = scene.log.lines[0]
    assert (level, event, fields["subject"]) == ("info", "tls_certificate", "CN=seglake test")


def test_an_expired_certificate_is_loaded_with_a_warning(scene: Scene) -> None:
    scene.make(days=0)
    scene.certificate.load()
    assert scene.log.events("warning") == ["tls_certificate"]


def _empty(scene: Scene) -> None:
    scene.chain.write_text("")


def _garbage(scene: Scene) -> None:
    scene.chain.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def _missing_chain(scene: Scene) -> None:
    scene.chain.unlink()


def _missing_key(scene: Scene) -> None:
    scene.key.unlink()


def _another_key(scene: Scene) -> None:
    make_certificate(scene.chain.with_name("other.pem"), scene.key)


def _open_key(scene: Scene) -> None:
    scene.key.chmod(0o604)


def _encrypted_key(scene: Scene) -> None:
    encrypt_key(scene.key)


BROKEN = [
    (_empty, "chain.pem"),
    (_garbage, "chain.pem"),
    (_missing_chain, "cannot read .*chain.pem"),
    (_missing_key, "cannot read .*key.pem"),
    (_another_key, "key values mismatch"),
    (_open_key, "chmod 600"),
    (_encrypted_key, "is encrypted"),
]


@pytest.mark.parametrize(("breaks", "says"), BROKEN)
def test_what_cannot_be_used_is_refused_with_what_to_do(scene: Scene, breaks: Any, says: str) -> None:
    breaks(scene)
    with pytest.raises(CertificateUnusable, match=says):
        scene.certificate.load()
    assert scene.certificate.in_force is None


def test_a_group_may_read_the_key(scene: Scene) -> None:
    scene.key.chmod(0o640)
    assert scene.certificate.load() is scene.certificate.in_force


@pytest.mark.parametrize(("breaks", "says"), BROKEN)
def test_a_broken_renewal_is_logged_once_and_the_old_one_stays(scene: Scene, breaks: Any, says: str) -> None:
    before = scene.certificate.load()
    breaks(scene)
    if breaks is _open_key:
        # A change of the mode alone is not seen; it is looked at when there is something new.
        os.utime(scene.key, ns=(0, 0))
    for _ in range(3):
        assert scene.certificate.renewed() is None
    assert scene.certificate.in_force is before
    assert scene.log.events("error") == ["tls_certificate_refused"]
    assert "PRIVATE" not in str(scene.log.lines)
    scene.chain.unlink(missing_ok=True)
    scene.key.unlink(missing_ok=True)
    scene.make(name="better")
    assert scene.certificate.renewed() is not None
    assert scene.certificate.in_force is not before


def test_files_that_have_not_changed_are_not_read_again_unless_asked(scene: Scene) -> None:
    scene.certificate.load()
    assert scene.certificate.renewed() is None
    assert scene.certificate.renewed(even_if_unchanged=True) is scene.certificate.in_force


def test_a_link_that_points_elsewhere_is_a_change(tmp_path: Path) -> None:
    for number in (1, 2):
        place = tmp_path / str(number)
        place.mkdir()
        make_certificate(place / "chain.pem", place / "key.pem", name=f"number {number}")
    link = tmp_path / "now"
    link.symlink_to("1")
    scene = Scene(link)
    scene.certificate.load()
    link.unlink()
    link.symlink_to("2")
    assert scene.certificate.renewed() is not None
    assert scene.log.lines[-1][2]["subject"] == "CN=number 2"


async def test_renewals_go_on_after_a_bug_and_come_at_once_when_asked(scene: Scene) -> None:
    scene.certificate.load()
    used: list[ssl.SSLContext] = []
    asked = asyncio.Event()
    work = keep_renewed(scene.certificate, used.append, asked, offload=InlineOffload(), log=scene.log, period_s=0.01)
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.05)
    assert used == []
    scene.make(name="second")
    await _until(lambda: len(used) == 1)
    asked.set()
    await _until(lambda: len(used) == 2)
    assert not asked.is_set()
    scene.certificate._signature = None  # type: ignore[assignment, method-assign]
    await _until(lambda: "tls_renewal_failed" in scene.log.events("error"))
    del scene.certificate._signature
    asked.set()
    await _until(lambda: len(used) == 3)
    task.cancel()
    await asyncio.wait([task])


async def _until(holds: Any) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within 5 s")


def test_the_test_certificates_key_is_ones_own(scene: Scene) -> None:
    assert stat.S_IMODE(scene.key.stat().st_mode) == 0o600

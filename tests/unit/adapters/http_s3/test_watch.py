from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seglake.adapters.http_s3.watch import Transfer, Watch


class Scene:
    """A watch of 10 s for bodies, 20 s for readers, 100 bytes a second, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.watch = Watch(lambda: self.now, bytes_per_s=100, read_window_s=10.0, write_window_s=20.0)
        self.buffered = 0
        self.aborted = False
        self.failed: BaseException | None = None
        self.ended = False
        transport = SimpleNamespace(
            get_write_buffer_size=lambda: self.buffered, abort=self._abort, get_extra_info=lambda _name: None
        )
        self.content = SimpleNamespace(is_eof=lambda: self.ended, total_bytes=0, set_exception=self._fail)
        request: Any = SimpleNamespace(transport=transport, content=self.content)
        self.body = SimpleNamespace(received=0, stalled=False)
        body: Any = self.body
        self.transfer: Transfer = self.watch.enter(request, body)

    def _abort(self) -> None:
        self.aborted = True

    def _fail(self, error: BaseException) -> None:
        self.failed = error

    def after(self, seconds: float, *, received: int = 0, sent: int = 0) -> None:
        """Time passes, bytes move, the watch looks."""
        self.now += seconds
        self.body.received += received
        self.content.total_bytes = self.body.received
        self.transfer.sent += sent
        self.watch.sweep()

    @property
    def cut(self) -> bool:
        return self.aborted or self.failed is not None


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_body_at_the_least_rate_lives(scene: Scene) -> None:
    for _ in range(20):
        scene.after(10.0, received=1000)
    assert not scene.cut


def test_a_body_below_the_least_rate_is_ended(scene: Scene) -> None:
    scene.after(10.0, received=1000)
    scene.after(10.0, received=999)
    assert isinstance(scene.failed, ConnectionResetError)
    assert scene.body.stalled
    assert not scene.aborted, "the client is told why"


def test_nobody_is_judged_before_the_window_is_over(scene: Scene) -> None:
    scene.after(9.9)
    assert not scene.cut


def test_a_reader_that_takes_nothing_is_cut(scene: Scene) -> None:
    scene.ended = True
    scene.buffered = 500_000
    scene.after(20.0, sent=1_000_000)
    assert not scene.cut
    scene.after(20.0)
    assert scene.aborted


def test_a_reader_has_a_time_of_its_own(scene: Scene) -> None:
    scene.ended = True
    scene.buffered = 500_000
    scene.after(19.9)
    assert not scene.cut
    scene.after(0.1)
    assert scene.aborted


def test_a_reader_at_the_least_rate_lives(scene: Scene) -> None:
    scene.ended = True
    scene.buffered = 500_000
    for _ in range(5):
        scene.after(20.0, sent=2000)
    assert not scene.cut
    scene.after(20.0, sent=1999)
    assert scene.aborted


def test_a_request_that_waits_for_the_disk_is_left_alone(scene: Scene) -> None:
    scene.ended = True
    scene.after(100.0)
    assert not scene.cut


def test_a_body_that_the_store_has_not_read_yet_is_left_alone(scene: Scene) -> None:
    scene.now += 100.0
    scene.content.total_bytes = 50
    scene.watch.sweep()
    assert not scene.cut


def test_a_request_that_is_done_is_forgotten(scene: Scene) -> None:
    scene.watch.leave(scene.transfer)
    scene.after(100.0)
    assert not scene.cut


def test_a_client_that_is_gone_is_not_cut_again(scene: Scene) -> None:
    scene.transfer.request = SimpleNamespace(transport=None, content=scene.content)  # type: ignore[assignment]
    scene.after(100.0)
    assert not scene.cut

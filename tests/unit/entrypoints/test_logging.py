"""One chain for every line: levels, context, formats, and the libraries' lines as well."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from seglake.entrypoints.logging import configure_logging

CANARY = "canary-wJalrXUtnFEMI"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_carry_event_level_time_and_fields() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    structlog.get_logger().info("segment_sealed", segment="s1", bytes=7)
    (line,) = _lines(stream)
    assert line["event"] == "segment_sealed"
    assert line["level"] == "info"
    assert line["segment"] == "s1"
    assert line["bytes"] == 7
    assert line["timestamp"].endswith("Z")


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream, level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("aiohttp.server").info("quiet too")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in _lines(stream)] == ["loud"]


def test_what_the_caller_bound_is_on_every_line_meanwhile() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    with structlog.contextvars.bound_contextvars(request_id="0123456789ABCDEF"):
        structlog.get_logger().info("inside")
        logging.getLogger("aiohttp.server").warning("inside %s", "library")
    structlog.get_logger().info("outside")
    assert [line.get("request_id") for line in _lines(stream)] == ["0123456789ABCDEF"] * 2 + [None]


def test_lines_of_libraries_go_through_the_same_chain() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    try:
        raise ValueError(f"X-Amz-Signature={CANARY}")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling %s", f"/b?X-Amz-Credential={CANARY}")
    (line,) = _lines(stream)
    assert line["logger"] == "aiohttp.server"
    assert line["level"] == "error"
    assert "ValueError" in line["exception"]
    assert CANARY not in stream.getvalue()


def test_no_secret_is_shown_in_either_format() -> None:
    for log_format in ("json", "console"):
        stream = io.StringIO()
        configure_logging(stream=stream, log_format=log_format, hidden=[CANARY])
        log = structlog.get_logger()
        log.info("start", secret_key="another-canary", note=f"is {CANARY}")
        local = CANARY
        try:
            raise RuntimeError(local)
        except RuntimeError:
            log.exception("failed")
        assert CANARY not in stream.getvalue()
        assert "another-canary" not in stream.getvalue()
        assert "RuntimeError" in stream.getvalue()


def test_auto_is_for_people_on_a_terminal_and_json_elsewhere() -> None:
    terminal, file = _Terminal(), io.StringIO()
    configure_logging(stream=terminal)
    structlog.get_logger().info("hello", bucket="b")
    configure_logging(stream=file)
    structlog.get_logger().info("hello", bucket="b")
    assert not terminal.getvalue().startswith("{")
    assert "hello" in terminal.getvalue()
    assert _lines(file)[0]["bucket"] == "b"


def test_configuring_twice_writes_each_line_once() -> None:
    configure_logging(stream=io.StringIO())
    stream = io.StringIO()
    configure_logging(stream=stream)
    logging.getLogger("aiohttp.server").warning("once")
    assert len(_lines(stream)) == 1


def test_a_library_line_that_cannot_be_formatted_breaks_nobody(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    root = logging.getLogger()
    # pytest's own handlers would raise.
    monkeypatch.setattr(root, "handlers", [one for one in root.handlers if type(one).__module__.startswith("seglake")])
    logging.getLogger("aiohttp.server").warning("%d", CANARY)
    (line,) = _lines(stream)
    assert line["event"] == "unreadable_log_record"
    assert line["logger"] == "aiohttp.server"
    assert CANARY not in stream.getvalue() + capsys.readouterr().err


@pytest.mark.parametrize("line_buffered", [True, False])
def test_a_log_on_a_full_disk_loses_lines_and_nothing_else(line_buffered: bool) -> None:
    full = open("/dev/full", "w", buffering=1 if line_buffered else 1 << 16)  # noqa: SIM115
    try:
        configure_logging(stream=full)
        for number in range(100):
            structlog.get_logger().error("something", number=number, long="x" * 1000)
        logging.getLogger("library").warning("something else")
    finally:
        configure_logging()
        with contextlib.suppress(OSError):
            full.close()

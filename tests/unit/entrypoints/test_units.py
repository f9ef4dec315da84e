"""Units mean one thing each, and what is not understood is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.entrypoints.units import ListenAddress, parse_address, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("64MiB", 64 << 20),
        ("64 MiB", 64 << 20),
        ("5GiB", 5 << 30),
        ("5g", 5 << 30),
        ("1.5KiB", 1536),
        ("10MB", 10_000_000),
        ("2TiB", 2 << 40),
        ("12B", 12),
    ],
)
def test_sizes_are_read_as_written(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MiB",
        "-1",
        "+5",
        "1_0",
        "5GiBs",
        "5 G iB",
        "0x10",
        "1e3",
        "٥MiB",
        "1.5",
        "1.1KiB",
        "9" * 19,
        "999999TiB" * 2,
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"size|number of bytes"):
        parse_size(text)


def test_sizes_beyond_63_bits_are_refused() -> None:
    assert parse_size("8388607TiB") == 8388607 << 40
    with pytest.raises(ValueError, match="too large"):
        parse_size("8388608TiB")


@given(st.integers(min_value=0, max_value=10**12), st.sampled_from(["KiB", "MiB", "kib", "MB"]))
def test_whole_sizes_are_exact(number: int, unit: str) -> None:
    factor = {"kib": 1024, "mib": 1024**2, "mb": 10**6}[unit.lower()]
    if number * factor < 1 << 63:
        assert parse_size(f"{number}{unit}") == number * factor


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15", 15.0), ("0.5", 0.5), ("250ms", 0.25), ("30s", 30.0), ("10m", 600.0), ("1h30m", 5400.0), ("2d", 172800.0)],
)
def test_durations_are_read_as_written(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "10 m", "10min", "1h-30m", "inf", "nan", "1e3", "١s", "5M"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9000", ListenAddress("", 9000)),
        ("127.0.0.1:0", ListenAddress("127.0.0.1", 0)),
        ("store.example:80", ListenAddress("store.example", 80)),
        ("[::1]:9000", ListenAddress("::1", 9000)),
        ("[fe80::1%eth0]:9000", ListenAddress("fe80::1%eth0", 9000)),
    ],
)
def test_addresses_are_read_and_written_back(text: str, address: ListenAddress) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9000",
        "localhost",
        "localhost:",
        ":65536",
        ":-1",
        "::1:9000",
        "[::1]",
        "[127.0.0.1]:80",
        "a b:80",
        "http://h:80",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_address(text)

"""Durations, sizes, addresses and URLs: what an operator may write, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bridge.document.units import format_duration, format_size, parse_duration, parse_size
from bridge.settings import Address, Duration, Size, Url


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("20s", 20),
        ("10m", 600),
        ("24h", 86400),
        ("30d", 30 * 86400),
        ("1h30m", 5400),
        ("1d2h3m4s5ms", 93784.005),
        ("1.5s", 1.5),
        (" 7s ", 7),
        ("7", 7),
        (7, 7),
        (0.5, 0.5),
        ("0s", 0),
    ],
)
def test_duration_is_read(written: object, seconds: float) -> None:
    """Each form of a duration becomes its seconds."""
    assert TypeAdapter(Duration).validate_python(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        *("", "ten", "10 bananas", "30m1h", "1h1h", "-1s", -1, "1e3s", True),
        *(float("nan"), float("inf"), 10**400, "9" * 400 + "s", None, [1]),
    ],
)
def test_duration_is_refused_with_a_cure(written: object) -> None:
    """What is no duration is refused with an example of one."""
    with pytest.raises(ValidationError, match="write it like"):
        TypeAdapter(Duration).validate_python(written)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.25, "250ms"), (20, "20s"), (90, "90s"), (600, "10m"), (5400, "90m"), (86400, "24h"), (0, "0s")),
        *((2 * 86400, "2d"), (0.0005, "0.0005s"), (1e-7, "0.0000001s"), (1.5, "1.5s")),
    ],
)
def test_duration_is_written_shortest(seconds: float, text: str) -> None:
    """A duration is written in its largest whole unit, a day as 24 hours."""
    assert format_duration(seconds) == text


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_duration_round_trip(seconds: float) -> None:
    """Whatever is written is read back as the same seconds."""
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_duration_text_round_trip(count: int, unit: str) -> None:
    """What an operator writes is never written back longer than it was, save for one day."""
    text = format_duration(parse_duration(f"{count}{unit}"))
    assert parse_duration(text) == parse_duration(f"{count}{unit}")
    assert len(text) <= len(f"{count}{unit}") or text == "24h"


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("16MiB", 16 * 2**20),
        ("4MB", 4 * 10**6),
        ("512KiB", 512 * 1024),
        ("512kib", 512 * 1024),
        ("2GiB", 2**31),
        ("1.5 KB", 1500),
        ("12B", 12),
        ("12", 12),
        (12, 12),
        (0, 0),
    ],
)
def test_size_is_read(written: object, size: int) -> None:
    """Each form of a size becomes its bytes."""
    assert TypeAdapter(Size).validate_python(written) == size


@pytest.mark.parametrize("written", ["", "big", "4M", "1.5B", "-1KB", -1, True, 1.5, None])
def test_size_is_refused_with_a_cure(written: object) -> None:
    """What is no size is refused with an example of one."""
    with pytest.raises(ValidationError, match="write it like"):
        TypeAdapter(Size).validate_python(written)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (4 * 2**20, "4MiB"),
        (4 * 10**6, "4MB"),
        (1500, "1500B"),
        (1024000, "1024KB"),
        (2**31, "2GiB"),
    ],
)
def test_size_is_written_shortest(size: int, text: str) -> None:
    """A size is written in the unit that takes the fewest characters."""
    assert format_size(size) == text


@given(st.integers(min_value=0))
def test_size_round_trip(size: int) -> None:
    """Whatever is written is read back as the same bytes."""
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("written", "host", "port", "loopback"),
    [
        ("127.0.0.1:9880", "127.0.0.1", 9880, True),
        ("127.9.9.9:1", "127.9.9.9", 1, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:9880", "::1", 9880, True),
        ("[::ffff:127.0.0.1]:9880", "::ffff:127.0.0.1", 9880, True),
        ("0.0.0.0:65535", "0.0.0.0", 65535, False),
        ("gateway.example.com:80", "gateway.example.com", 80, False),
    ],
)
def test_address_is_read_and_written(written: str, host: str, port: int, loopback: bool) -> None:
    """An address has a host and a port, knows loopback, and is written as it was read."""
    address = TypeAdapter(Address).validate_python(written)
    assert (address.host, address.port, address.is_loopback, str(address)) == (host, port, loopback, written)
    assert TypeAdapter(Address).validate_python(address) is address


@pytest.mark.parametrize(
    "written", ["", "9880", ":9880", "::1:9880", "[x]:1", "a:65536", "a b:1", "a:-1", 9880]
)
def test_address_is_refused_with_a_cure(written: object) -> None:
    """What is no address is refused with an example of one."""
    with pytest.raises(ValidationError, match="write it like"):
        TypeAdapter(Address).validate_python(written)


@pytest.mark.parametrize(
    ("listener", "host", "port", "answers"),
    [
        ("127.0.0.1:9880", "localhost", 9880, True),
        ("localhost:9880", "::1", 9880, True),
        ("[::1]:9880", "[::1]", 9880, True),
        ("0.0.0.0:9880", "127.0.0.2", 9880, True),
        ("[::]:9880", "localhost", 9880, True),
        ("127.0.0.1:9880", "0.0.0.0", 9880, True),
        ("10.0.0.1:9880", "10.0.0.1", 9880, True),
        ("Gateway:9880", "gateway", 9880, True),
        ("127.0.0.1:9880", "127.0.0.1", 9881, False),
        ("10.0.0.1:9880", "127.0.0.1", 9880, False),
        ("0.0.0.0:9880", "api.moesif.net", 9880, False),
        ("127.0.0.1:0", "127.0.0.1", 0, False),
    ],
)
def test_address_knows_who_reaches_it(listener: str, host: str, port: int, answers: bool) -> None:
    """All loopback names are one, and a listener on every interface listens there too."""
    assert Address.parse(listener).answers(host, port) is answers


def test_url() -> None:
    """A URL loses the slash at its end; what is not a URL is refused with an example."""
    assert TypeAdapter(Url).validate_python("https://gw:8243/") == "https://gw:8243"
    for written in ("gw:8243", "ftp://gw", "https://", "http://gw:99999"):
        with pytest.raises(ValidationError, match="write it like"):
            TypeAdapter(Url).validate_python(written)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.errors import InvalidValueError
from mmx.settings import units


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("9m", 540), ("1h", 3600), ("2d", 172800), ("500ms", 0.5), ("0s", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == seconds
    assert units.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"), [("64KiB", 65536), ("1MiB", 1 << 20), ("1GiB", 1 << 30), ("500B", 500)]
)
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size(text) == size
    assert units.format_size(size) == text


@pytest.mark.parametrize(("text", "mode"), [("0660", 0o660), ("660", 0o660), ("0600", 0o600)])
def test_modes(text: str, mode: int) -> None:
    assert units.parse_mode(text) == mode
    assert units.parse_mode(units.format_mode(mode)) == mode


@pytest.mark.parametrize(
    "text", ["", "s", "5 s", "1.5s", "-1s", "1h30m", "5S", "5sec", "٣s", "1" * 19 + "s", "5s\n"]
)
def test_no_durations(text: str) -> None:
    with pytest.raises(InvalidValueError, match="not a duration"):
        units.parse_duration(text)


@pytest.mark.parametrize("text", ["", "64K", "64KB", "64kib", "1.5MiB", "MiB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(InvalidValueError, match="not a size"):
        units.parse_size(text)


@pytest.mark.parametrize("text", ["", "0888", "66", "00660", "1777", "rw-rw----", "0o660"])
def test_no_modes(text: str) -> None:
    with pytest.raises(InvalidValueError, match="no file mode"):
        units.parse_mode(text)


def test_a_number_alone_is_told_to_take_a_unit() -> None:
    with pytest.raises(InvalidValueError, match=r"a duration needs its unit; write .* ms, s, m, h, d"):
        units.parse_duration("30")
    with pytest.raises(InvalidValueError, match=r"a size needs its unit; write .* B, KiB, MiB, GiB"):
        units.parse_size("65536")


@given(st.integers(0, 10**11))
def test_formatters_are_read_back(number: int) -> None:
    assert units.parse_duration(units.format_duration(number / 1000)) == number / 1000
    assert units.parse_size(units.format_size(number)) == number

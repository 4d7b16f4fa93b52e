import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.detect.shell_file import read_environment, read_shell


def shell(text: str, **known: str) -> dict[str, str | None]:
    found = read_shell(text.encode("utf-8", "surrogateescape"), known)
    return {name: None if value is None else value.text for name, value in found.items()}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SOCKET=/run/a", {"SOCKET": "/run/a"}),
        ('SOCKET="/run/a b"  # comment', {"SOCKET": "/run/a b"}),
        ("SOCKET='/run/$a'", {"SOCKET": "/run/$a"}),
        ("export SOCKET=/run/a; echo x", {"SOCKET": "/run/a"}),
        ("RUN=/run/x\nSOCKET=local:$RUN/a.sock", {"RUN": "/run/x", "SOCKET": "local:/run/x/a.sock"}),
        ("S=${R}/a", {"S": "/known/a"}),
        ("S=${X:-/run/x}/a\nT=${X-/y}", {"S": "/run/x/a", "T": "/y"}),
        ("S=${R:=/other}", {"S": "/known"}),
        ("S=/run/a\\\n.sock", {"S": "/run/a.sock"}),
        ("S=a\\ b'c d'\"e\"", {"S": "a bc de"}),
        ("S=", {"S": ""}),
        ("S=a\nS=b", {"S": "b"}),
        ("S=/run/a\r\n", {"S": "/run/a"}),
        ("# S=/run/a\n#S=/run/a\n   # S=b", {}),
        ("echo hello\ntest -x /bin/x || exit 0", {}),
        ("S = a", {}),
    ],
)
def test_what_a_shell_would_read(text: str, found: dict[str, str]) -> None:
    assert shell(text, R="/known") == found


@pytest.mark.parametrize(
    "text",
    [
        "S=$(cat /etc/x)",
        "S=`hostname`",
        'S="a `b`"',
        "S=$UNSET/a",
        "S=${X#y}",
        "S=${X:-$Y}",
        "S='open",
        "if [ -x /bin/x ]; then\n  S=/run/a\nfi",
        "[ -x /bin/x ] && S=/run/a",
        "A=1; S=/run/a",
        "S=/run/a\n[ -x /bin/x ] && S=/run/b",
        "case x in\nx) S=a ;;\nesac",
    ],
)
def test_what_only_a_shell_could_tell(text: str) -> None:
    assert shell(text)["S"] is None


def test_after_a_condition_things_are_clear_again() -> None:
    assert shell("if x; then\nS=a\nfi\nS=b") == {"S": "b"}


def test_lines_and_odd_bytes() -> None:
    found = read_shell(b"# caf\xe9\n\nS=/run/\xff\n", {})
    assert found["S"] is not None
    assert (found["S"].line, found["S"].text) == (3, "/run/\udcff")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=b", {"A": "b"}),
        ("A=\"b c\"\nB='d'", {"A": "b c", "B": "d"}),
        ("A=$B", {"A": "$B"}),
        ("#A=b\n;A=c\n # A=d", {}),
        ("A=b \\\n c", {"A": "b  c"}),
        ("export A=b\n1=2\nword", {}),
        (" A = b ", {"A": "b"}),
        ("A=a=b", {"A": "a=b"}),
    ],
)
def test_environment_files(text: str, found: dict[str, str]) -> None:
    assert {name: value.text for name, value in read_environment(text.encode()).items()} == found


@given(st.binary(max_size=60) | st.text("S=$\"'`{}:- \n\\a#", max_size=40).map(str.encode))
def test_any_bytes_can_be_read(data: bytes) -> None:
    read_shell(data, {})
    read_environment(data)

import pytest

from mmx.detect.lines import Value
from mmx.detect.unit_file import line_of, read_settings, unit_of

UNIT = b"""[Unit]
Description=x
[Service]
Environment="A=b c" D=e
Environment=A=f
EnvironmentFile=-/etc/default/x
ExecStart=-/usr/sbin/x -p \\
    "local:/run/x y"
"""


def test_what_a_unit_file_says() -> None:
    unit = unit_of("x.service", [UNIT])
    assert unit.argv == ("/usr/sbin/x", "-p", "local:/run/x y")
    assert unit.environment == {"A": "f", "D": "e"}
    assert unit.environment_files == ("/etc/default/x",)


def test_an_empty_assignment_clears_what_was_before() -> None:
    drop_in = b"[Service]\nEnvironmentFile=\nExecStart=\nExecStart=/usr/sbin/y\nEnvironment=G=h\n"
    unit = unit_of("x.service", [UNIT, drop_in])
    assert unit.argv == ("/usr/sbin/y",)
    assert unit.environment_files == ()
    assert unit.environment["G"] == "h"


def test_comments_and_other_settings_are_left_out() -> None:
    assert read_settings([b"#ExecStart=/a\n; ExecStart=/b\n ExecStart = /c \nExecStartPre=/d\n"]) == {
        "ExecStart": [Value("/c", 3)]
    }


@pytest.mark.parametrize(
    ("name", "text", "argv"),
    [
        ("x@one.service", "/x -p /run/%i.sock", ("/x", "-p", "/run/one.sock")),
        ("x@one.service", "/x %p %n %% %H", ("/x", "x", "x@one.service", "%", "%H")),
        ("x.service", "@!/x it's", ("/x", "it's")),
    ],
)
def test_command_lines(name: str, text: str, argv: tuple[str, ...]) -> None:
    assert unit_of(name, [f"ExecStart={text}".encode()]).argv == argv


def test_sockets_of_a_socket_unit() -> None:
    unit = unit_of("x.socket", [b"[Socket]\nListenStream=/run/x.sock\nListenDatagram=/run/y\n"])
    assert unit.listen == ("/run/x.sock (Stream)",)


def test_the_line_that_says_it() -> None:
    assert line_of(UNIT, "ExecStart", "/run/x y") == 7
    assert line_of(UNIT, "Environment", "A=") == 5
    assert line_of(UNIT, "ExecStart", "/run/z") is None

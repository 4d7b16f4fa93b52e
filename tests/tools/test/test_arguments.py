"""The options of `mmx test`: what is played for them, and which cannot be."""

import io
from pathlib import Path

import pytest

from mmx.core.plan import POSTFIX_MACROS
from mmx.errors import InvalidValueError, UnavailableError
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.settings.load import FilesOnly
from mmx.tools.mta.outcome import Address, Envelope
from mmx.tools.test.arguments import parser, play_of
from mmx.tools.test.run import Play, Target
from mmx.wire import option

SETTINGS = """\
listen: [{name: smtp, endpoint: "unix:/run/a"}, {name: submission, endpoint: "inet:127.0.0.1:99"}]
detect: no
control_socket: /run/c
children:
  scan: {endpoint: "inet:127.0.0.1:1"}
  opendkim: {}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "mmx.yaml"
    path.write_text(SETTINGS)
    return str(path)


def play(*arguments: str) -> Play:
    return play_of(parser("test").parse_args(arguments), FilesOnly())


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ([], Target("mmx", UnixEndpoint("/run/a"), "/run/c")),
        (["--listener", "submission"], Target("mmx", InetEndpoint("127.0.0.1", 99), "/run/c")),
        (["--socket", "/s"], Target("mmx", UnixEndpoint("/run/a"), "/s")),
        (["--child", "scan"], Target("scan", InetEndpoint("127.0.0.1", 1))),
        (["--to", "inet:8891@localhost"], Target("the milter", InetEndpoint("localhost", 8891))),
    ],
)
def test_whom_to_ask(config: str, arguments: list[str], target: Target) -> None:
    assert play("--config", config, *arguments).target == target


def test_what_is_played_when_nothing_is_said() -> None:
    one = play("--to", "unix:/s")
    assert (one.client.address, one.client.name, one.client.helo) == (
        "192.0.2.1",
        "client.example.net",
        "client.example.net",
    )
    assert one.client.port >= 49152
    assert one.envelope == Envelope(Address(b"<sender@example.net>"), (Address(b"<recipient@example.org>"),))
    terms = one.terms
    assert (terms.version, terms.actions, terms.protocol) == (6, 0x1FF, 0x1FFFFF)
    assert (terms.connect_timeout, terms.command_timeout, terms.content_timeout) == (30, 30, 300)
    assert set(terms.lists) == set(POSTFIX_MACROS)
    ((name, message),) = one.messages()
    assert name == ""
    assert dict(message.headers)[b"From"] == b" sender@example.net"


def test_all_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"Subject: x\n\n")
    one = play(
        *("--to", "unix:/s", "--client", "2001:db8::1", "--name", "n", "--port", "25", "--helo", ""),
        *("--auth", "ann", "--auth-mechanism", "LOGIN", "--tls", "--from", "<> SIZE=5"),
        *("--rcpt", "b@x NOTIFY=NEVER", "--rcpt", "c@x", "--macro", "{x}=1=2", "--protocol", "4"),
        *("--actions", "ADDHDRS,CHGBODY", "--steps", "0x21", "--unknown", "FOO", "--unknown", "BAR x"),
        *("--chunk", "9", "--repeat", "3", "--sessions", "2", "--timeout", "500ms", str(tmp_path / "a")),
    )
    assert (one.client.helo, one.client.user, one.client.mechanism, one.client.tls) == (
        None,
        "ann",
        "LOGIN",
        True,
    )
    assert one.envelope.sender == Address(b"<>", (b"SIZE=5",))
    assert one.envelope.recipients == (Address(b"<b@x>", (b"NOTIFY=NEVER",)), Address(b"<c@x>"))
    terms = one.terms
    assert terms.macros == {"{x}": "1=2"}
    assert (terms.version, terms.actions, terms.protocol, terms.chunk) == (
        4,
        option.ADDHDRS | option.CHGBODY,
        0x21,
        9,
    )
    assert (terms.connect_timeout, terms.command_timeout, terms.content_timeout) == (0.5, 0.5, 0.5)
    assert one.unknown == [b"FOO", b"BAR x"]
    assert one.sessions == 2
    assert len(list(one.messages())) == len(list(one.messages())) == 3


def test_what_an_older_version_offers() -> None:
    assert play("--to", "unix:/s", "--protocol", "2").terms.protocol == 0x7F


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Subject: x\n\n")))
    one = play("--to", "unix:/s", "--sessions", "2", "-")
    assert list(one.messages()) == list(one.messages())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--to", "/s"], "a path alone is no endpoint; write unix:/s"),
        (["--child", "none"], "--child none: no such child; there are .*scan"),
        (["--listener", "none"], "--listener none: no such listener; there are smtp, submission"),
        (["--client", "here"], "--client here: no address"),
        (["--port", "70000"], "--port 70000: no port"),
        (["--macro", "x"], "--macro x: no macro; write NAME=VALUE"),
    ],
)
def test_what_cannot_be_played(config: str, arguments: list[str], why: str) -> None:
    with pytest.raises(InvalidValueError, match=why):
        play("--config", config, *arguments)


def test_a_child_whose_place_is_not_known(config: str) -> None:
    with pytest.raises(UnavailableError, match=r"where opendkim listens is not known.*use --to ENDPOINT"):
        play("--config", config, "--child", "opendkim")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--to", "unix:/s", "--child", "x"], "not allowed with"),
        (["--chunk", "0"], "write a number from 1 to 65535"),
        (["--chunk", "70000"], "write a number from 1 to 65535"),
        (["--repeat", "x"], "write a number from 1 to"),
        (["--protocol", "7"], "invalid choice"),
        (["--actions", "ADDHDRS,FOO"], "FOO: write some of ADDHDRS"),
        (["--steps", "FOO"], "FOO: write some of NOCONNECT"),
        (["--timeout", "5"], "needs its unit"),
    ],
)
def test_wrong_arguments(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser("test").parse_args(arguments)
    assert ended.value.code == 64
    assert why in capsys.readouterr().err

"""The command, from its arguments to what it prints."""

import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmx import cli
from mmx.aio.dns_lists import DnsLists
from mmx.aio.main_cf import MainCf
from mmx.core.client_tests import DnsList
from mmx.core.condition import Truth
from mmx.core.plan import Chain, ChildPlan
from mmx.errors import EX_OK, EX_UNAVAILABLE, EX_USAGE
from mmx.settings.load import FilesOnly
from mmx.tools.explain import verb as module

LIST = "list.example=127.0.0.2"


@pytest.fixture(autouse=True)
def no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read of the machine that runs the test."""

    async def main_cf() -> MainCf:
        return MainCf()

    monkeypatch.setattr(module, "read_main_cf", main_cf)
    monkeypatch.setattr(module, "Host", FilesOnly)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "mmx.yaml"
    path.write_text(
        "detect: no\n"
        "listen: ['unix:/run/mmx/mmx.sock', {name: submission, endpoint: 'unix:/run/mmx/submission.sock'}]\n"
        "children:\n"
        "  scanner: {endpoint: 'unix:/run/scanner.sock'}\n"
        "  signer: {endpoint: 'unix:/run/signer.sock', enabled: no}\n"
    )
    return path


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain has a child whose condition asks a DNS list."""
    plan = ChildPlan("scanner", when=DnsList((LIST,)))
    monkeypatch.setattr(module, "make_chain", lambda *_: Chain(children=(plan,), dns_lists=(LIST,)))


def run(settings: Path, *arguments: str) -> int:
    return cli.main(["--config", str(settings), "explain", *arguments])


def test_children_in_order_with_those_outside_the_chain(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(settings, "--client", "192.0.2.7") == EX_OK
    expected = "scanner: runs, from CONNECT on\nsigner: does not run: enabled: no\n"
    assert capsys.readouterr().out == expected


def test_the_settings_may_be_named_behind_the_command(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", "-c", str(settings), "--client", "192.0.2.7", "--json"]) == EX_OK
    assert [child["child"] for child in json.loads(capsys.readouterr().out)["children"]] == [
        "scanner",
        "signer",
    ]


@pytest.mark.parametrize("how", ["file", "standard input"])
def test_a_message(settings: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    text = b"Subject: x\n\nbody\n"
    file = settings.with_name("mail.eml")
    file.write_bytes(text)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    envelope = ("--client", "192.0.2.7", "--from", "a@b", "--rcpt", "c@d", "--rcpt", "e@f")
    assert run(settings, *envelope, str(file) if how == "file" else "-") == EX_OK


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), EX_USAGE, "the following arguments are required: --client"),
        (("--client", "mail.example.net"), EX_USAGE, "no address; write an IP address, unix or unknown"),
        (("--client", "192.0.2.7", "--size", "much"), EX_USAGE, "argument --size"),
        (("--client", "192.0.2.7", "--what"), EX_USAGE, "unrecognized arguments: --what"),
        (("--client", "192.0.2.7", "--rcpt", "a@b"), EX_USAGE, "--rcpt without --from; add --from"),
        (("--client", "192.0.2.7", "--macro", "x"), EX_USAGE, "--macro x: no macro; write NAME=VALUE"),
        (
            ("--client", "192.0.2.7", "--listener", "x"),
            EX_USAGE,
            "there are unix:/run/mmx/mmx.sock, submission",
        ),
        (("--client", "192.0.2.7", "--listed", "x.example"), EX_USAGE, "no condition asks this list"),
        (("--client", "192.0.2.7", "--listed", "x"), EX_USAGE, "no DNS zone"),
        (("--client", "192.0.2.7", "--listed", "x.example", "--no-dns"), EX_USAGE, "not allowed with"),
        (
            ("--client", "192.0.2.7", "--from", "a@b", "--rcpt", "c@d", "/nowhere.eml"),
            EX_UNAVAILABLE,
            "cannot read the message /nowhere.eml: No such file",
        ),
    ],
)
def test_wrong_arguments(
    settings: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    try:
        assert run(settings, *arguments) == status
    except SystemExit as ended:
        assert ended.code == status  # noqa: PT017 - argparse ends the program, mmx returns
    assert words in capsys.readouterr().err


def test_a_macro_that_postfix_does_not_send_is_told(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(settings, "--client", "192.0.2.7", "--macro", "{own}=1", "--macro", "j=mx.example.org") == EX_OK
    )
    assert capsys.readouterr().err == "warning: the MTA does not send the macro {own}: no list names it\n"


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--listed", "list.example"), f"scanner: runs, from the next event on: dnsbl: in {LIST}"),
        (("--no-dns",), f"scanner: runs, from the next event on: dnsbl: no answer from {LIST}"),
    ],
)
def test_what_dns_lists_say_may_be_told(
    settings: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str
) -> None:
    assert run(settings, "--client", "192.0.2.7", *arguments) == EX_OK
    assert capsys.readouterr().out.splitlines()[0] == line


@pytest.mark.usefixtures("asking")
def test_dns_lists_are_asked_otherwise(
    settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(self: DnsLists, address: str, lists: tuple[str, ...], tell: Any) -> None:
        assert address == "192.0.2.7"
        for one in lists:
            tell(one, Truth.NO)

    monkeypatch.setattr(DnsLists, "look_up", look_up)
    assert run(settings, "--client", "192.0.2.7", "--from", "a@b") == EX_OK
    assert capsys.readouterr().out.splitlines()[0].startswith("scanner: does not run: dnsbl: in none")


def test_the_conditions_of_the_settings_decide(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings.write_text(
        "detect: no\n"
        "local_networks: [192.0.2.0/24]\n"
        "children:\n"
        "  greylist: {endpoint: 'unix:/run/greylist.sock', when: [remote, unauthenticated, s25r]}\n"
    )
    envelope = ("--from", "a@b")
    lines = []
    for client in (
        ("--client", "198.51.100.7", "--name", "mail.example.net"),
        ("--client", "198.51.100.7", "--name", "dsl-7-1.example.net"),
        ("--client", "192.0.2.7", "--name", "dsl-7-1.example.net"),
        ("--client", "198.51.100.7", "--name", "dsl-7-1.example.net", "--auth", "alice"),
    ):
        assert run(settings, *client, *envelope) == EX_OK
        lines.append(capsys.readouterr().out.removesuffix("\n"))
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
        "does not run",
        "runs, from MAIL on",
        "does not run",
        "does not run",
    ]
    assert "s25r: mail.example.net satisfies no rule" in lines[0]
    assert "s25r: dsl-7-1.example.net rule 1" in lines[1]
    assert "192.0.2.7 is in 192.0.2.0/24" in lines[2]
    assert "alice has logged in" in lines[3]


def test_any_bytes_of_the_command_line_go_as_they_are(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsdecode(b"\xff@\xc3\xbc.example")
    said = ("--name", odd, "--helo", odd, "--from", odd, "--rcpt", odd, "--auth", odd, "--macro", f"j={odd}")
    settings.write_text(
        "detect: no\n"
        "children: {a: {endpoint: 'unix:/run/a', when: [others], recipients: matching}}\n"
        "conditions: {others: {not: {recipient_domain: x.example}}}\n"
    )
    assert run(settings, "--client", "192.0.2.7", *said) == EX_OK
    assert "recipients: it is shown <\\xff@\\xc3\\xbc.example>\n" in capsys.readouterr().out

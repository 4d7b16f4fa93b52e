"""What postconf and postfix tell."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mmx.detect.commands import Answer
from mmx.detect.facts import Absence, Failure
from mmx.tools.check import postfix_look as check_postfix_look
from mmx.tools.check.postfix_look import Place, PostfixView, Service, look_at_postfix, read_services
from tests.tools.check_hosts import postfix

MASTER = b"""\
smtp       inet  n       -       y       -       -       smtpd
submission inet  n       -       -       -       -       smtpd -o smtpd_milters=unix:a -o x=y
cleanup    unix  n       -       n       -       0       cleanup
"""
SAYS = {
    "-n": Answer(b"mail_owner = mta\n", b"postconf: warning: /etc/postfix/main.cf: unused parameter: a=b\n"),
    "-x": Answer(b"mail_owner = no-such-user\ncompatibility_level = 3.6\nsmtpd_milters = unix:b\n"),
    "-P": Answer(b"submission/inet/smtpd_milters = $a\n"),
    "-Px": Answer(b"submission/inet/smtpd_milters = unix:a\n"),
    "-M": Answer(MASTER),
    "status": Answer(status=1),
}


@pytest.fixture
def postconf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "postconf"
    program.touch()
    monkeypatch.setattr(check_postfix_look, "POSTCONF", str(program))
    return program


def run(argv: Sequence[str], _limit: float) -> Answer:
    return next(answer for option, answer in SAYS.items() if option in argv)


def test_what_is_told(postconf: Path) -> None:
    view = look_at_postfix(run, None, (), is_root=True)
    assert isinstance(view, PostfixView)
    assert view.main == {"mail_owner": "mta"}
    assert view.full_master == {"submission/inet/smtpd_milters": "unix:a"}
    assert view.remarks == ("/etc/postfix/main.cf: unused parameter: a=b",)
    assert view.running is False
    assert view.reload == ()
    smtp, submission, cleanup = view.services
    assert list(view.places("smtpd_milters", "smtpd")) == [
        Place("smtpd_milters", "", None, "unix:b", (smtp,)),
        Place("smtpd_milters", "submission/inet", "$a", "unix:a", (submission,)),
    ]
    assert [place.services for place in view.places("milter_protocol", "smtpd", "cleanup")] == [
        (smtp, submission, cleanup)
    ]
    assert [str(place) for place in view.places("smtpd_milters", "smtpd")] == [
        "main.cf: smtpd_milters",
        "master.cf: submission/inet/smtpd_milters",
    ]


def test_without_postfix(postconf: Path) -> None:
    postconf.unlink()
    assert isinstance(look_at_postfix(run, None, (), is_root=True), Absence)


def test_a_postconf_that_fails(postconf: Path) -> None:
    asked: list[str] = []

    def fail(argv: Sequence[str], limit: float) -> Answer:
        asked.append(argv[1])
        return Answer(failure="postconf did not answer within 10 s") if "-n" in argv else run(argv, limit)

    assert look_at_postfix(fail, None, (), is_root=True) == Failure(
        "postconf -n: postconf did not answer within 10 s"
    )
    assert asked == ["-n"], "the others would take as long"


def test_an_old_postconf_does_not_tell_overrides(postconf: Path) -> None:
    def old(argv: Sequence[str], limit: float) -> Answer:
        told = Answer(errors=b"postconf: fatal: usage: postconf", status=1)
        return told if "-P" in argv or "-Px" in argv else run(argv, limit)

    view = look_at_postfix(old, None, (), is_root=True)
    assert isinstance(view, PostfixView)
    assert view.unread == "postconf -P: postconf: fatal: usage: postconf"
    assert view.master == {}


def test_the_chroot_of_a_service() -> None:
    assert [service.chroot for service in read_services(MASTER, "3.6")] == [True, False, False]
    assert [service.chroot for service in read_services(MASTER, "0")] == [True, True, False]
    assert read_services(MASTER, "")[1] == Service("submission/inet", "smtpd", chroot=True)


def test_commands() -> None:
    view = postfix(master={"submission/inet/smtpd_milters": "unix:a"})
    main, override = view.places("smtpd_milters", "smtpd")
    assert view.set(main, "a b") == ("postconf -e 'smtpd_milters=a b'", "postfix reload")
    assert view.set(override, "c") == ("postconf -P submission/inet/smtpd_milters=c", "postfix reload")
    assert view.unset("x") == ("postconf -X x", "postfix reload")
    assert view.dechroot(view.services[0]) == ("postconf -F smtp/inet/chroot=n", "postfix reload")


def test_commands_of_another_instance(postconf: Path) -> None:
    asked: list[str] = []

    def note(argv: Sequence[str], limit: float) -> Answer:
        asked.append(" ".join(argv[1:3]))
        return Answer() if "status" in argv else run(argv, limit)

    view = look_at_postfix(note, Path("/etc/postfix-out"), (), is_root=True)
    assert isinstance(view, PostfixView)
    assert set(asked) == {"-c /etc/postfix-out"}
    assert view.unset("x") == ("postconf -c /etc/postfix-out -X x", "postfix -c /etc/postfix-out reload")


def test_whoever_is_not_root_looks_for_the_process(postconf: Path) -> None:
    def refuse(argv: Sequence[str], limit: float) -> Answer:
        assert "status" not in argv
        return run(argv, limit)

    view = look_at_postfix(refuse, None, (), is_root=False)
    assert isinstance(view, PostfixView)
    assert view.running is not None

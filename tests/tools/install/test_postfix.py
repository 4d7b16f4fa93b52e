"""Postfix's configuration handed over and back."""

import json
from pathlib import Path

import pytest

from mmx.detect.commands import Answer
from mmx.errors import UnavailableError
from mmx.settings.endpoint import parse_endpoint
from mmx.tools.install.postfix import (
    MILTER,
    SAVED,
    Change,
    Postfix,
    changes_to,
    connect_steps,
    lost,
    refuse_losses,
    restore_steps,
    still_used,
)
from mmx.tools.install.steps import carry_out
from tests.tools.hosts import FakeHost

DKIM = "local:/run/opendkim/opendkim.sock"
BEFORE = {
    "smtpd_milters": f"{DKIM} inet:127.0.0.1:11332",
    "non_smtpd_milters": "$smtpd_milters",
    "milter_default_action": "accept",
    "submission/inet/smtpd_milters": DKIM,
    "10025/inet/smtpd_milters": "",
    "submission/inet/milter_default_action": "accept",
}


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    host = FakeHost(tmp_path)
    host.postfix = dict(BEFORE)
    return host


def connect(host: FakeHost) -> list[str]:
    said: list[str] = []
    target = host.target()
    postfix = Postfix(target)
    carry_out(connect_steps(postfix, changes_to(postfix), target), target, said.append, dry=False)
    return said


def restore(host: FakeHost) -> list[str]:
    said: list[str] = []
    target = host.target()
    carry_out(restore_steps(Postfix(target), target, said.append), target, said.append, dry=False)
    return said


def test_every_list_becomes_mmx(host: FakeHost) -> None:
    connect(host)
    assert host.postfix == {
        "smtpd_milters": MILTER,
        "non_smtpd_milters": "$smtpd_milters",
        "milter_default_action": "tempfail",
        "submission/inet/smtpd_milters": MILTER,
        "10025/inet/smtpd_milters": "",
        "submission/inet/milter_default_action": "tempfail",
    }
    assert host.ran("postconf", "-P", f"submission/inet/smtpd_milters={MILTER}")
    assert (host.root / SAVED.lstrip("/")).stat().st_mode & 0o777 == 0o600


def test_and_back(host: FakeHost) -> None:
    connect(host)
    assert connect(host) == ["nothing to do"]
    restore(host)
    assert host.postfix == BEFORE
    assert not (host.root / SAVED.lstrip("/")).exists()
    assert restore(host) == ["nothing to do"]


def test_a_postfix_without_milters(host: FakeHost) -> None:
    host.postfix = {}
    connect(host)
    assert host.postfix == {"smtpd_milters": MILTER}
    assert still_used(Postfix(host.target())) == ["smtpd_milters"]
    restore(host)
    assert host.postfix == {}
    assert still_used(Postfix(host.target())) == []


def test_what_somebody_changed_since_stays(host: FakeHost) -> None:
    connect(host)
    host.postfix["smtpd_milters"] = "inet:127.0.0.1:1"
    said = restore(host)
    assert "smtpd_milters stays as it is: somebody has changed it since mmx did" in said
    assert host.postfix == {**BEFORE, "smtpd_milters": "inet:127.0.0.1:1"}


def test_a_list_that_came_later_is_saved_too(host: FakeHost) -> None:
    connect(host)
    host.postfix["smtps/inet/smtpd_milters"] = DKIM
    connect(host)
    saved = json.loads(host.text(SAVED))
    assert saved["smtps/inet/smtpd_milters"]["old"] == DKIM
    assert saved["smtpd_milters"]["old"] == BEFORE["smtpd_milters"]
    restore(host)
    assert host.postfix == {**BEFORE, "smtps/inet/smtpd_milters": DKIM}


def test_no_milter_gets_lost(host: FakeHost) -> None:
    host.postfix["smtpd_milters"] += ", { inet:127.0.0.1:2525, default_action=accept } local:spam/s"
    known = [
        parse_endpoint(text) for text in (DKIM, "inet:localhost:11332", "unix:/var/spool/postfix/spam/s")
    ]
    postfix = Postfix(host.target())
    entry = "{ inet:127.0.0.1:2525, default_action=accept }"
    assert lost(postfix, known) == [("smtpd_milters", entry), ("non_smtpd_milters", entry)]
    with pytest.raises(
        UnavailableError, match=r"smtpd_milters names \{ inet:127.0.0.1:2525, .* no child of mmx"
    ):
        refuse_losses(postfix, known)
    refuse_losses(postfix, [*known, parse_endpoint("inet:2525@127.0.0.1")])


def test_a_change_is_shown() -> None:
    assert str(Change("smtpd_milters", None, MILTER)) == f"main.cf: smtpd_milters: not set becomes `{MILTER}`"
    change = Change("smtp/inet/smtpd_milters", "", MILTER)
    assert str(change) == f"master.cf: smtp/inet/smtpd_milters: `` becomes `{MILTER}`"


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"smtpd_milters": 1}', '{"smtpd_milters": {}}'])
def test_a_damaged_file_of_former_values(host: FakeHost, text: str) -> None:
    (host.root / "etc/mmx").mkdir()
    (host.root / SAVED.lstrip("/")).write_text(text)
    with pytest.raises(UnavailableError, match="is damaged"):
        restore_steps(Postfix(host.target()), host.target(), lambda _line: None)


def test_a_postconf_that_fails(host: FakeHost) -> None:
    target = host.target()
    target.run = lambda _argv, _limit: Answer(failure="no")
    with pytest.raises(UnavailableError, match=r"postconf .* failed: no"):
        Postfix(target)

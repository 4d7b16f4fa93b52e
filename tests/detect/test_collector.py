import subprocess
from pathlib import Path

import pytest

from mmx.detect import collector as module
from mmx.detect.collector import Collector
from mmx.detect.commands import Answer
from mmx.detect.facts import Absence, Failure
from mmx.detect.planner import plan
from mmx.settings.catalog import CATALOG
from tests.detect.hosts import (
    DEBIAN,
    EL,
    RSPAMD,
    SCRIPTS,
    Programs,
    on,
    scripted,
    shown,
    tree_units,
    whole_show,
)

DEBIAN_ALL = [*tree_units(DEBIAN), *(scripted(stem) for stem in SCRIPTS)]


def test_all_eight_milters_of_debian() -> None:
    detection = plan(on(DEBIAN, *DEBIAN_ALL).collect(), {})
    assert {found.name: str(found.endpoint) for found in detection.found} == {
        "opendkim": "unix:/run/opendkim/opendkim.sock",
        "opendmarc": "unix:/run/opendmarc/opendmarc.sock",
        "clamav-milter": "unix:/var/run/clamav/clamav-milter.ctl",
        "spamass-milter": "unix:/var/spool/postfix/spamass/spamass.sock",
        "rspamd": "inet:localhost:11332",
        "amavisd-milter": "unix:/var/lib/amavis/amavisd-milter.sock",
        "dkimpy-milter": "unix:/var/run/dkimpy-milter/dkimpy-milter.sock",
        "pyspf-milter": "inet:localhost:8893",
    }
    assert detection.skipped == ()
    assert detection.notes == ()


def test_all_milters_of_enterprise_linux() -> None:
    detection = plan(on(EL, *tree_units(EL)).collect(), {})
    assert {found.name: str(found.endpoint) for found in detection.found} == {
        "milter-greylist": "unix:/run/milter-greylist/milter-greylist.sock",
        "milter-regex": "unix:/var/spool/milter-regex/sock",
        "smf-spf": "unix:/run/smfs/smf-spf.sock",
        "opendkim": "inet:localhost:8891",
        "opendmarc": "inet:localhost:8893",
        "openarc": "unix:/run/openarc/openarc.socket",
        "spamass-milter": "unix:/run/spamass-milter/postfix/sock",
        "clamav-milter": "unknown:/etc/mail/clamav-milter.conf:6: the line `Example` keeps it from starting",
        "mimedefang": "inet:127.0.0.1:10997",
        "amavisd-milter": "unix:/run/amavisd/amavisd-milter.sock",
    }


def test_with_every_unit_disabled_nothing_is_in_the_chain() -> None:
    disabled = [block.replace("enabled", "disabled").replace("multi-user.target", "") for block in DEBIAN_ALL]
    blocks = [block.replace(" graphical.target", "") for block in disabled]
    detection = plan(on(DEBIAN, *blocks).collect(), {})
    assert detection.found == ()
    assert len(detection.skipped) == 8
    assert all(skipped.reason.endswith("is disabled") for skipped in detection.skipped)


def test_systemd_is_asked_once_with_fixed_arguments() -> None:
    programs = Programs({"systemctl show": whole_show(*DEBIAN_ALL), "rspamadm": Answer(RSPAMD.encode())})
    Collector(DEBIAN, programs, booted=True).collect()
    show, dump, *postconf = programs.asked
    assert [Path(argv[0]).name for argv in programs.asked] == [
        "systemctl",
        "rspamadm",
        "postconf",
        "postconf",
    ]
    assert list(show[1:3]) == ["show", "--no-pager"]
    names = show[list(show).index("--") + 1 :]
    assert {f"{stem}.service" for milter in CATALOG for stem in milter.units} < set(names)
    assert "WantedBy" in show[4].split(",")
    assert list(dump[1:]) == ["configdump", "--json", "worker"]
    assert all(argv[0].startswith("/") for argv in programs.asked)
    assert len(postconf) == 2


def test_a_quick_look_runs_systemctl_alone() -> None:
    programs = Programs({"systemctl show": whole_show(*DEBIAN_ALL)})
    assert Collector(DEBIAN, programs, booted=True).collect(quick=True).workers is None
    assert len(programs.asked) == 1


def test_rspamadm_is_run_only_for_an_enabled_rspamd() -> None:
    programs = Programs({"systemctl show": whole_show(shown("rspamd.service", state="disabled"))})
    assert Collector(DEBIAN, programs, booted=True).collect().workers is None
    assert not any("rspamadm" in argv[0] for argv in programs.asked)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(failure="rspamadm did not answer within 30 s"), "rspamadm did not answer within 30 s"),
        (Answer(b"{}", b"\ncannot read x\n", 1), "cannot read x"),
    ],
)
def test_an_rspamadm_that_fails(answer: Answer, reason: str) -> None:
    facts = on(DEBIAN, *DEBIAN_ALL, rspamadm=answer).collect()
    assert facts.workers == Failure(f"rspamadm configdump: {reason}")


def test_an_rspamadm_that_is_not_there() -> None:
    assert on(EL, shown("rspamd.service")).collect().workers == Failure("/usr/bin/rspamadm is not there")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(failure="systemctl did not answer within 10 s"), "systemctl did not answer within 10 s"),
        (
            Answer(b"", b"Failed to connect to bus: Host is down\n", 1),
            "Failed to connect to bus: Host is down",
        ),
        (Answer(shown("opendkim.service").encode()), "exit status 0"),
    ],
)
def test_a_systemd_that_does_not_answer_for_all(answer: Answer, reason: str) -> None:
    facts = on(DEBIAN, systemctl_show=answer).collect()
    assert facts.units == Failure(f"systemctl show: {reason}")


def test_without_systemctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SYSTEMCTL", ("/nonexistent/systemctl",))
    facts = on(DEBIAN).collect()
    assert facts.units == Absence(module.NO_SYSTEMCTL)


def test_milters_of_postfix() -> None:
    answer = Answer(b"smtpd_milters = inet:localhost:8891\n")
    (milter,) = on(DEBIAN, postconf=answer).collect().in_postfix
    assert (str(milter.endpoint), milter.place) == ("inet:localhost:8891", "smtpd_milters in main.cf")


def test_a_tree_that_is_not_the_host_is_looked_at_offline() -> None:
    listing = b'[{"unit_file":"opendkim.service","state":"enabled","preset":null}]'
    programs = Programs({"systemctl --root": Answer(listing)})
    facts = Collector(DEBIAN, programs).collect()
    assert facts.limits == (module.OFFLINE,)
    (found,) = plan(facts, {}).found
    assert (found.name, found.origin) == ("opendkim", "/etc/opendkim.conf:10")
    assert all(f"--root={DEBIAN}" in argv for argv in programs.asked)


def test_nothing_that_is_found_is_run(tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", f"{DEBIAN}/.", str(tmp_path)], check=True)
    mark = tmp_path / "mark"
    for path in tmp_path.glob("etc/init.d/*"):
        path.write_text(f"#!/bin/sh\ntouch {mark}\n")
        path.chmod(0o755)
    (tmp_path / "etc/default/spamass-milter").write_text(f"SOCKET=$(touch {mark})\n`touch {mark}`\n")
    detection = plan(on(tmp_path, *DEBIAN_ALL).collect(), {})
    (down,) = [found for found in detection.found if found.name == "spamass-milter"]
    assert str(down.endpoint).startswith("unknown:/etc/default/spamass-milter: only a shell")
    assert not mark.exists()

"""The lists of milters: each finding, and that its command mends it."""

import errno
from collections.abc import Mapping
from dataclasses import replace

import pytest

from mmx.detect.facts import Failure
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.settings.model import ChildSettings, Listener, Mode, Settings
from mmx.tools.check.finding import Level
from mmx.tools.check.postfix_look import PostfixView, Service
from mmx.tools.check.postfix_reach import Reached
from mmx.tools.check.table import examine
from tests.tools.check_hosts import SERVICES, found, host, only, pasted, postfix

ARCHIVE = ChildSettings("archive", InetEndpoint("127.0.0.1", 2525))
DKIM = ChildSettings("opendkim", UnixEndpoint("/var/spool/postfix/opendkim/sock"), mode=Mode.OBSERVE)
CHILDREN = (ARCHIVE, DKIM)
ABSOLUTE = "unix:/var/spool/postfix/mmx/mmx.sock"
MMX = "unix:mmx/mmx.sock"


@pytest.mark.parametrize(
    ("main", "name", "command"),
    [
        ({"smtpd_milters": ""}, "entry-missing", f"postconf -e smtpd_milters={MMX}"),
        (
            {"smtpd_milters": "inet:127.0.0.1:2525, inet:h:7"},
            "entry-missing",
            f"postconf -e 'smtpd_milters={MMX}, inet:h:7'",
        ),
        ({"non_smtpd_milters": ""}, "local-mail", f"postconf -e non_smtpd_milters={MMX}"),
        ({"smtpd_milters": ABSOLUTE}, "entry-path", f"postconf -e smtpd_milters={MMX}"),
        ({"smtpd_milters": "unix:/mmx/mmx/mmx.sock"}, "entry-path", f"postconf -e smtpd_milters={MMX}"),
        (
            {"smtpd_milters": f"{{ {ABSOLUTE}, connect_timeout=10s }} inet:h:7"},
            "entry-path",
            f"postconf -e 'smtpd_milters={{ {MMX}, connect_timeout=10s }}, inet:h:7'",
        ),
        ({"non_smtpd_milters": ABSOLUTE}, "entry-path", f"postconf -e non_smtpd_milters={MMX}"),
        ({"smtpd_milters": f"{MMX} {MMX}"}, "listed-twice", f"postconf -e smtpd_milters={MMX}"),
        ({"smtpd_milters": f"{MMX}, unix:/mmx/mmx.sock"}, "listed-twice", f"postconf -e smtpd_milters={MMX}"),
        (
            {"smtpd_milters": f"inet:h:7, {MMX}, inet:h:7"},
            "listed-twice",
            f"postconf -e 'smtpd_milters=inet:h:7, {MMX}'",
        ),
        (
            {"smtpd_milters": f"inet:localhost:2525, {MMX}"},
            "child-beside",
            f"postconf -e smtpd_milters={MMX}",
        ),
        (
            {"smtpd_milters": f"{MMX}, local:opendkim/sock"},
            "child-beside",
            f"postconf -e smtpd_milters={MMX}",
        ),
    ],
)
def test_main_cf(main: Mapping[str, str], name: str, command: str) -> None:
    view = host(main, children=CHILDREN)
    finding = only(view)
    assert finding.name == f"postfix.{name}"
    assert finding.commands == (command, "postfix reload")
    assert [one for one in examine(pasted(view, finding)) if one.level is not Level.OK] == []


def test_mmx_is_to_run_before_postfix_is_told_of_it() -> None:
    view = host({"smtpd_milters": ""})
    assert isinstance(view.postfix, PostfixView)
    down = replace(view, postfix=replace(view.postfix, reached={ABSOLUTE: Reached(errno.ENOENT)}))
    names = [one.name for one in examine(down) if one.level is not Level.OK]
    assert names == ["postfix.unreached", "postfix.entry-missing"], "what is to be done first stands first"
    (finding,) = found(down, "postfix.entry-missing")
    assert finding.seen.endswith("; mend first what keeps Postfix from mmx")


@pytest.mark.parametrize("value", ["", "inet:h:7", "inet:127.0.0.1:2525"])
def test_a_service_without_mmx(value: str) -> None:
    view = host(master={"submission/inet/smtpd_milters": value}, children=CHILDREN)
    finding = only(view)
    assert (finding.name, finding.level) == ("postfix.entry-missing", Level.WARNING)
    assert finding.subject == "master.cf: submission/inet/smtpd_milters"
    assert finding.commands[0].startswith("postconf -P submission/inet/smtpd_milters=unix:mmx/mmx.sock")
    assert [one for one in examine(pasted(view, finding)) if one.level is not Level.OK] == []


@pytest.mark.parametrize(
    ("name", "levels"),
    [("127.0.0.1:10025", []), ("[::1]:10025", []), ("localhost:10025", []), ("10025", [Level.NOTE])],
)
def test_mail_that_comes_back_from_a_filter(name: str, levels: list[Level]) -> None:
    """The service has no milters on purpose."""
    service = Service(f"{name}/inet", "smtpd", chroot=True)
    view = replace(
        host(), postfix=postfix(master={f"{name}/inet/smtpd_milters": ""}, services=(*SERVICES, service))
    )
    assert [finding.level for finding in examine(view) if finding.level is not Level.OK] == levels


def test_overrides_have_no_blanks() -> None:
    value = f"{{ {ABSOLUTE}, default_action=tempfail }}, inet:h:7"
    view = host(master={"submission/inet/smtpd_milters": value})
    assert only(view).commands[0] == (
        "postconf -P 'submission/inet/smtpd_milters={unix:mmx/mmx.sock,default_action=tempfail},inet:h:7'"
    )


def test_a_path_is_right_outside_the_chroot() -> None:
    services = tuple(replace(service, chroot=False) for service in SERVICES)
    view = replace(host(), postfix=postfix({"smtpd_milters": ABSOLUTE}, services=services))
    assert [one for one in examine(view) if one.level is not Level.OK] == []


def test_mmx_outside_the_chroot() -> None:
    place = UnixEndpoint("/run/mmx/mmx.sock")
    settings = Settings(listeners=(Listener(str(place), place),))
    lists = dict.fromkeys(("smtpd_milters", "non_smtpd_milters"), str(place))
    view = host(lists, settings=settings)
    view = replace(view, daemon=Failure("does not run"))
    smtpd, cleanup = found(view, "postfix.outside-chroot")
    assert smtpd.commands == (
        "postconf -F smtp/inet/chroot=n",
        "postconf -F submission/inet/chroot=n",
        "postconf -e smtpd_milters=unix:/run/mmx/mmx.sock",
        "postfix reload",
    )
    mended = pasted(pasted(view, smtpd), cleanup)
    assert found(mended, "postfix.outside-chroot") == []
    assert found(mended, "postfix.entry-path") == []


def test_a_list_that_is_the_other_list_is_told_once() -> None:
    view = host({"smtpd_milters": f"{MMX} {MMX}", "non_smtpd_milters": f"{MMX} {MMX}"})
    assert isinstance(view.postfix, PostfixView)
    main = {**view.postfix.main, "non_smtpd_milters": "$smtpd_milters"}
    assert only(replace(view, postfix=replace(view.postfix, main=main))).subject == "main.cf: smtpd_milters"


def test_a_host_that_only_sends() -> None:
    services = tuple(service for service in SERVICES if service.daemon != "smtpd")
    view = replace(host(), postfix=postfix(services=services))
    assert only(view).name == "postfix.no-smtpd"

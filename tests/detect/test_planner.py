from collections.abc import Mapping
from dataclasses import replace

import pytest

from mmx.detect.facts import Absence, Facts, Failure, Unit
from mmx.detect.planner import plan
from mmx.settings.detected import Detection, Found, Skipped
from mmx.settings.endpoint import ChildEndpoint, UnixEndpoint, UnknownEndpoint
from tests.detect.hosts import RSPAMD, facts_of

BEFORE: dict[str, ChildEndpoint] = {"opendkim": UnixEndpoint("/run/before")}
CONF = {"/etc/opendkim.conf": b"Socket /run/dkim"}
ENABLED = Unit(
    "opendkim.service", active_state="active", file_state="enabled", wanted_by=("multi-user.target",)
)


def planned(
    *units: Unit,
    known: Mapping[str, ChildEndpoint] | None = None,
    files: Mapping[str, bytes | Failure] | None = None,
) -> Detection:
    return plan(facts_of(*units, files={**CONF, **(files or {})}), known or {})


def reasons(detection: Detection) -> dict[str, str]:
    return {skipped.name: skipped.reason for skipped in detection.skipped}


WANTED = ("multi-user.target",)
NOTHING_STARTS = "opendkim.service is {}, and nothing starts it"


@pytest.mark.parametrize(
    ("state", "wanted", "reason"),
    [
        ("enabled", WANTED, None),
        ("enabled-runtime", WANTED, None),
        ("enabled", (), None),
        ("disabled", (), "opendkim.service is disabled"),
        ("disabled", WANTED, "opendkim.service is disabled"),
        ("masked", (), "opendkim.service is masked"),
        ("masked", WANTED, "opendkim.service is masked"),
        ("masked-runtime", (), "opendkim.service is masked"),
        ("generated", WANTED, None),
        ("generated", (), "opendkim.service is disabled"),
        ("static", (), NOTHING_STARTS.format("static")),
        ("static", WANTED, None),
        ("alias", WANTED, None),
        ("alias", (), NOTHING_STARTS.format("alias")),
        ("linked", (), NOTHING_STARTS.format("linked")),
        ("linked", WANTED, None),
        ("linked-runtime", WANTED, None),
        ("indirect", (), NOTHING_STARTS.format("indirect")),
        ("indirect", WANTED, None),
        ("transient", (), NOTHING_STARTS.format("transient")),
        ("bad", (), NOTHING_STARTS.format("bad")),
        ("", (), NOTHING_STARTS.format("of no known state")),
    ],
)
@pytest.mark.parametrize("active", ["active", "inactive", ""])
def test_the_state_of_the_unit_decides_whether_it_runs_or_not(
    state: str, wanted: tuple[str, ...], reason: str | None, active: str
) -> None:
    detection = planned(replace(ENABLED, file_state=state, wanted_by=wanted, active_state=active))
    assert reasons(detection).get("opendkim") == reason
    assert [found.name for found in detection.found] == ([] if reason else ["opendkim"])


def test_enabled_and_running() -> None:
    assert planned(ENABLED).found == (Found("opendkim", UnixEndpoint("/run/dkim"), "/etc/opendkim.conf:1"),)


@pytest.mark.parametrize("active", ["inactive", "failed"])
def test_enabled_but_not_running_is_in_the_chain_and_says_so(active: str) -> None:
    (found,) = planned(replace(ENABLED, active_state=active)).found
    assert found.endpoint == UnixEndpoint("/run/dkim")
    assert found.note == f"opendkim.service is enabled, but does not run ({active})"


def test_what_is_starting_is_not_complained_of() -> None:
    (found,) = planned(replace(ENABLED, active_state="activating")).found
    assert found.note == ""


def test_what_is_not_installed_is_not_mentioned() -> None:
    detection = planned(
        Unit("opendkim.service", load_state="not-found", active_state="inactive"), known=BEFORE
    )
    assert detection == Detection()


def test_a_purged_milter_that_still_runs_is_out() -> None:
    unit = Unit("opendkim.service", load_state="not-found", active_state="active")
    assert reasons(planned(unit, known=BEFORE)) == {
        "opendkim": "opendkim.service is not installed any more, though it runs"
    }


UNREADABLE = {"/etc/opendkim.conf": Failure("cannot be read: Permission denied")}
WHY = "/etc/opendkim.conf: cannot be read: Permission denied"


def test_at_first_an_unreadable_socket_is_down_with_the_reason() -> None:
    (found,) = planned(ENABLED, files=UNREADABLE).found
    assert found == Found("opendkim", UnknownEndpoint(WHY), "opendkim.service")


def test_later_an_unreadable_socket_is_the_last_known_one() -> None:
    (found,) = planned(ENABLED, known=BEFORE, files=UNREADABLE).found
    assert found == Found(
        "opendkim", UnixEndpoint("/run/before"), "found before", f"its last known socket is kept: {WHY}"
    )


def test_what_was_unknown_and_still_is_has_the_new_reason() -> None:
    (found,) = planned(ENABLED, known={"opendkim": UnknownEndpoint("old")}, files=UNREADABLE).found
    assert found.endpoint == UnknownEndpoint(WHY)


def test_a_new_socket_wins_over_the_last_known_one() -> None:
    (found,) = planned(ENABLED, known=BEFORE).found
    assert found.endpoint == UnixEndpoint("/run/dkim")


def test_last_known_or_not_disabled_is_out() -> None:
    assert planned(replace(ENABLED, file_state="disabled"), known=BEFORE, files=UNREADABLE).found == ()


@pytest.mark.parametrize("state", ["", "bad"])
def test_a_state_that_cannot_be_told_takes_no_child_away(state: str) -> None:
    unit = replace(ENABLED, file_state=state, wanted_by=())
    (found,) = planned(unit, known=BEFORE).found
    assert found.endpoint == UnixEndpoint("/run/before")
    assert found.note.startswith("kept, because opendkim.service is")


@pytest.mark.parametrize("state", ["error", "bad-setting"])
def test_a_unit_that_cannot_be_loaded_is_down(state: str) -> None:
    (found,) = planned(replace(ENABLED, load_state=state, active_state="inactive")).found
    assert found.endpoint == UnknownEndpoint(f"opendkim.service cannot be loaded ({state})")


def test_when_systemd_does_not_answer_everything_stays_as_it_was() -> None:
    known = BEFORE | {"rspamd": UnknownEndpoint("why")}
    detection = plan(Facts(Failure("systemctl did not answer within 10 s")), known)
    assert [(found.name, found.endpoint) for found in detection.found] == [*known.items()]
    assert detection.notes == ("those found before are kept: systemctl did not answer within 10 s",)


def test_without_systemctl_there_is_one_note() -> None:
    assert plan(Facts(Absence("systemctl is not installed")), {}) == Detection(
        notes=("systemctl is not installed",)
    )


def test_an_enabled_socket_unit_enables_its_service() -> None:
    socket = Unit(
        "opendkim.socket", fragment="/lib/s", file_state="enabled", listen=("/run/activated (Stream)",)
    )
    unit = replace(ENABLED, file_state="disabled", active_state="inactive", triggered_by=("opendkim.socket",))
    (found,) = planned(unit, socket).found
    assert found == Found("opendkim", UnixEndpoint("/run/activated"), "/lib/s")
    assert planned(unit, replace(socket, file_state="disabled")).found == ()
    assert planned(replace(unit, file_state="masked"), socket).found == ()
    (found,) = planned(unit, replace(socket, listen=())).found
    assert found.endpoint == UnixEndpoint("/run/dkim")


def test_instances_of_a_template_are_children_of_their_own() -> None:
    one = replace(ENABLED, name="opendkim@in.service", argv=("/x", "-p", "/run/in"))
    two = replace(ENABLED, name="opendkim@out.service", argv=("/x", "-p", "/run/out"))
    off = replace(ENABLED, name="opendkim@off.service", file_state="disabled")
    template = replace(ENABLED, name="opendkim@.service", file_state="indirect")
    detection = planned(one, two, off, template)
    assert {found.name: str(found.endpoint) for found in detection.found} == {
        "opendkim@in": "unix:/run/in",
        "opendkim@out": "unix:/run/out",
    }
    assert reasons(detection) == {"opendkim@off": "opendkim@off.service is disabled"}


def test_of_two_units_for_one_milter_the_enabled_one_counts() -> None:
    usual = replace(ENABLED, name="spamass-milter.service", file_state="disabled")
    other = replace(ENABLED, name="spamass-milter-root.service", argv=("/x", "-p", "/run/root"))
    detection = planned(usual, other)
    assert [str(found.endpoint) for found in detection.found] == ["unix:/run/root"]
    assert detection.skipped == ()
    both = planned(replace(usual, file_state="enabled", argv=("/x", "-p", "/run/usual")), other)
    assert [str(found.endpoint) for found in both.found] == ["unix:/run/usual"]


def test_two_milters_at_one_port_are_noted_at_both() -> None:
    spf = replace(ENABLED, name="pyspf-milter.service")
    dmarc = replace(ENABLED, name="opendmarc.service", active_state="failed")
    files = {
        "/etc/pyspf-milter/pyspf-milter.conf": b"Socket = inet:8893@localhost",
        "/etc/opendmarc.conf": b"Socket inet:8893@127.0.0.1",
    }
    notes = {found.name: found.note for found in planned(spf, dmarc, files=files).found}
    assert notes == {
        "pyspf-milter": "opendmarc is set up to listen there too (/etc/opendmarc.conf:1)",
        "opendmarc": "opendmarc.service is enabled, but does not run (failed); pyspf-milter is set up to "
        "listen there too (/etc/pyspf-milter/pyspf-milter.conf:1)",
    }


def test_run_and_var_run_are_one_place() -> None:
    files = {"/etc/opendkim.conf": b"Socket /var/run/x", "/etc/opendmarc.conf": b"Socket local:/run/x"}
    detection = planned(ENABLED, replace(ENABLED, name="opendmarc.service"), files=files)
    assert all("is set up to listen there too" in found.note for found in detection.found)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "its init script starts nothing: ENABLED=0 (/etc/default/milter-greylist)"),
        (
            {"/etc/default/milter-greylist": b"\nENABLED=0"},
            "its init script starts nothing: ENABLED=0 (/etc/default/milter-greylist:2)",
        ),
        ({"/etc/default/milter-greylist": b'ENABLED="1"'}, None),
        ({"/etc/default/milter-greylist": Failure("no right")}, None),
    ],
)
def test_an_init_script_that_is_switched_off(files: dict[str, bytes | Failure], reason: str | None) -> None:
    unit = replace(ENABLED, name="milter-greylist.service", source="/etc/init.d/milter-greylist")
    assert reasons(planned(unit, files=files)).get("milter-greylist") == reason


def test_a_unit_of_its_own_has_no_such_switch() -> None:
    assert planned(replace(ENABLED, name="milter-greylist.service")).skipped == ()


def test_an_rspamd_that_is_no_milter_is_skipped() -> None:
    unit = replace(ENABLED, name="rspamd.service")
    facts = facts_of(unit, workers=RSPAMD.replace("true", "false"))
    assert plan(facts, {}).skipped == (
        Skipped("rspamd", "rspamd.service: its proxy worker does not speak the milter protocol"),
    )

"""Every milter of the catalog, where each distribution configures it; a new entry needs a row here."""

import json

import pytest

from mmx.detect.facts import Facts, Failure, Files, Unit
from mmx.detect.sources import Heard, files_of, listens_for, where_it_listens
from mmx.settings.catalog import MILTERS
from tests.detect.hosts import DEBIAN, EL, RSPAMD, TREES, on, scripted, tree_units

SCRIPT = "/etc/init.d/x"


def listens(name: str, unit: Unit, files: Files | None = None, **more: object) -> str:
    facts = Facts({}, files or {}, frozenset({"/usr/sbin/postfix"}), **more)  # type: ignore[arg-type]  # by row
    outcome = where_it_listens(MILTERS[name], unit, facts)
    if isinstance(outcome, Heard):
        return f"{outcome.endpoint} ({outcome.origin})"
    return f"{type(outcome).__name__}: {outcome.reason}"


# Tree, milter, and what is read there.
ROWS = [
    ("debian12", "opendkim", "unix:/run/opendkim/opendkim.sock (/etc/opendkim.conf:10)"),
    ("debian12", "opendmarc", "unix:/run/opendmarc/opendmarc.sock (/etc/opendmarc.conf:4)"),
    ("debian12", "rspamd", "inet:localhost:11332 (rspamadm configdump worker)"),
    (
        "debian12",
        "dkimpy-milter",
        "unix:/var/run/dkimpy-milter/dkimpy-milter.sock (default of dkimpy-milter.service)",
    ),
    ("debian12", "pyspf-milter", "inet:localhost:8893 (/etc/pyspf-milter/pyspf-milter.conf:4)"),
    (
        "debian12",
        "clamav-milter",
        "unix:/var/run/clamav/clamav-milter.ctl (/etc/clamav/clamav-milter.conf:2)",
    ),
    (
        "debian12",
        "spamass-milter",
        "unix:/var/spool/postfix/spamass/spamass.sock (default of /etc/init.d/spamass-milter)",
    ),
    (
        "debian12",
        "amavisd-milter",
        "unix:/var/lib/amavis/amavisd-milter.sock (default of /etc/init.d/amavisd-milter)",
    ),
    ("el9", "opendkim", "inet:localhost:8891 (/etc/sysconfig/opendkim:2)"),
    ("el9", "opendmarc", "inet:localhost:8893 (/etc/opendmarc.conf:2)"),
    ("el9", "openarc", "unix:/run/openarc/openarc.socket (/etc/openarc.conf:3)"),
    ("el9", "clamav-milter", "/etc/mail/clamav-milter.conf:6: the line `Example` keeps it from starting"),
    (
        "el9",
        "spamass-milter",
        "unix:/run/spamass-milter/postfix/sock (/etc/sysconfig/spamass-milter-postfix:2)",
    ),
    ("el9", "milter-greylist", "unix:/run/milter-greylist/milter-greylist.sock (/etc/mail/greylist.conf:3)"),
    ("el9", "smf-spf", "unix:/run/smfs/smf-spf.sock (/etc/mail/smfs/smf-spf.conf:4)"),
    ("el9", "milter-regex", "unix:/var/spool/milter-regex/sock (default of milter-regex.service)"),
    ("el9", "mimedefang", "inet:127.0.0.1:10997 (/etc/sysconfig/mimedefang:3)"),
    ("el9", "amavisd-milter", "unix:/run/amavisd/amavisd-milter.sock (/etc/sysconfig/amavisd-milter:1)"),
]


@pytest.mark.parametrize(("tree", "name", "said"), ROWS)
def test_every_milter_of_the_catalog(tree: str, name: str, said: str) -> None:
    where = TREES / tree
    scripts = [scripted(stem) for stem in ("clamav-milter", "spamass-milter", "amavisd-milter")]
    blocks = [*tree_units(where), *(scripts if where == DEBIAN else [])]
    facts = on(where, *blocks).collect()
    assert not isinstance(facts.units, Failure)
    outcome = where_it_listens(MILTERS[name], facts.units[f"{MILTERS[name].units[0]}.service"], facts)
    text = f"{outcome.endpoint} ({outcome.origin})" if isinstance(outcome, Heard) else outcome.reason
    assert text == said


def test_every_entry_has_a_row() -> None:
    assert {name for _, name, _ in ROWS} == set(MILTERS)
    assert {tree for tree, _, _ in ROWS} == {DEBIAN.name, EL.name}


def test_the_command_line_wins_over_everything() -> None:
    unit = Unit(
        "opendkim.service",
        fragment="/lib/u",
        drop_ins=("/etc/d.conf",),
        argv=("/usr/sbin/opendkim", "-p", "local:/run/own"),
    )
    files = {
        "/etc/opendkim.conf": b"Socket /run/conf",
        "/lib/u": b"ExecStart=/usr/sbin/opendkim",
        "/etc/d.conf": b"[Service]\nExecStart=/usr/sbin/opendkim -p local:/run/own",
    }
    assert listens("opendkim", unit, files) == "unix:/run/own (/etc/d.conf:2)"


def test_a_file_of_assignments_counts_only_for_init_scripts() -> None:
    files = {"/etc/default/opendkim": b"RUNDIR=/run/x\nSOCKET=local:$RUNDIR/a"}
    assert listens("opendkim", Unit("opendkim.service"), files) == "Failure: nothing says where it listens"
    script = Unit("opendkim.service", source="/etc/init.d/opendkim")
    assert listens("opendkim", script, files) == "unix:/run/x/a (/etc/default/opendkim:2)"


def test_a_later_environment_file_wins_and_a_missing_one_does_not_matter() -> None:
    unit = Unit(
        "spamass-milter.service",
        argv=("/usr/sbin/spamass-milter", "-p", "${SOCKET}"),
        environment={"SOCKET": "/run/a"},
        environment_files=("/etc/one", "/etc/two", "/etc/three"),
    )
    assert listens("spamass-milter", unit) == "unix:/run/a (spamass-milter.service)"
    files = {"/etc/one": b"SOCKET=/run/b", "/etc/two": b"\nSOCKET='/run/c'\n"}
    assert listens("spamass-milter", unit, files) == "unix:/run/c (/etc/two:2)"


def test_a_file_named_on_the_command_line_is_the_one_that_counts() -> None:
    unit = Unit("opendkim.service", argv=("/usr/sbin/opendkim", "-x", "/etc/own.conf"))
    files = {"/etc/opendkim.conf": b"Socket /run/a", "/etc/own.conf": b"Socket /run/b"}
    assert listens("opendkim", unit, files) == "unix:/run/b (/etc/own.conf:1)"
    assert "/etc/own.conf: not there" in listens("opendkim", unit, {})
    assert "/etc/own.conf" in files_of(MILTERS["opendkim"], unit, {})
    positional = Unit("x.service", argv=("/usr/bin/pyspf-milter", "/etc/own.conf"))
    assert listens("pyspf-milter", positional, {"/etc/own.conf": b"Socket = inet:1@localhost"}).startswith(
        "inet:"
    )


SCRIPTED = Unit("x.service", source=SCRIPT)
WITH_ENVIRONMENT = Unit("x.service", environment_files=("/etc/env",), argv=("/x", "$OPTIONS"))
REASONS: list[tuple[str, Unit, dict[str, bytes | Failure], str]] = [
    (
        "opendkim",
        Unit("x.service"),
        {"/etc/opendkim.conf": Failure("no right")},
        "/etc/opendkim.conf: no right",
    ),
    ("opendkim", WITH_ENVIRONMENT, {"/etc/env": Failure("no right")}, "/etc/env: no right"),
    (
        "opendkim",
        Unit("x.service"),
        {"/etc/opendkim.conf": b"Socket tcp:1"},
        "/etc/opendkim.conf:1: tcp:1: tcp: is not a word for endpoints",
    ),
    (
        "opendkim",
        Unit("x.service"),
        {"/etc/opendkim.conf": b"Socket /run/\xff"},
        "/etc/opendkim.conf:1: /run/\udcff: not printable text",
    ),
    (
        "spamass-milter",
        SCRIPTED,
        {"/etc/default/spamass-milter": b"SOCKET=$(x)"},
        "/etc/default/spamass-milter: only a shell could tell what SOCKET is",
    ),
    (
        "spamass-milter",
        SCRIPTED,
        {"/etc/default/spamass-milter": Failure("no right")},
        "/etc/default/spamass-milter: no right",
    ),
    ("clamav-milter", Unit("x.service"), {}, "nothing says where it listens"),
    ("amavisd-milter", Unit("x.service"), {}, "nothing says where it listens"),
]


@pytest.mark.parametrize(("name", "unit", "files", "reason"), REASONS)
def test_reasons_why_it_cannot_be_told(
    name: str, unit: Unit, files: dict[str, bytes | Failure], reason: str
) -> None:
    assert listens(name, unit, files) == f"Failure: {reason}"


def test_an_init_script_without_postfix_has_another_default() -> None:
    outcome = where_it_listens(MILTERS["spamass-milter"], SCRIPTED, Facts({}))
    assert isinstance(outcome, Heard)
    assert str(outcome.endpoint) == "unix:/var/run/spamass/spamass.sock"


PROXY = {"bind_socket": "*:11332", "milter": True}


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        (RSPAMD, "inet:localhost:11332 (rspamadm configdump worker)"),
        (json.dumps({"rspamd_proxy": PROXY}), "inet:127.0.0.1:11332 (rspamadm configdump worker)"),
        (
            json.dumps({"rspamd_proxy": PROXY | {"milter": False}}),
            "NoMilter: its proxy worker does not speak the milter protocol",
        ),
        ("nonsense", "Failure: rspamadm configdump printed something else than workers"),
        (
            json.dumps({"rspamd_proxy": PROXY | {"bind_socket": "systemd:0"}}),
            "Failure: rspamadm configdump: no end",
        ),
        (Failure("rspamadm did not answer within 30 s"), "Failure: rspamadm did not answer within 30 s"),
        (None, "Failure: rspamadm was not asked"),
    ],
)
def test_rspamd(workers: str | Failure | None, said: str) -> None:
    assert listens("rspamd", Unit("rspamd.service"), workers=workers).startswith(said)


@pytest.mark.parametrize(
    ("listen", "outcome"),
    [
        (("/run/x (Datagram)", "/run/a (Stream)"), "unix:/run/a"),
        (("@x (Stream)",), Failure),
        (("/run/x (Datagram)",), None),
    ],
)
def test_socket_units(listen: tuple[str, ...], outcome: object) -> None:
    heard = listens_for(Unit("x.socket", fragment="/lib/x.socket", listen=listen))
    if isinstance(heard, Heard):
        assert str(heard.endpoint) == outcome
    else:
        assert heard is None if outcome is None else isinstance(heard, Failure)

import pytest

from mmx.detect.facts import Unit
from mmx.detect.unit_show import PROPERTIES, environment, read_units
from tests.detect.hosts import shown

# As systemd 252 prints it, for a unit with a drop-in.
REAL = """\
ExecStart={ path=/usr/sbin/opendkim ; argv[]=/usr/sbin/opendkim -f -p ${SOCK} ; ignore_errors=no ; pid=89 }
Environment=SOCK=inet:8891@localhost "OTHER=x y"
EnvironmentFiles=/etc/sysconfig/one (ignore_errors=yes)
EnvironmentFiles=/etc/sysconfig/two (ignore_errors=no)
Id=opendkim.service
Names=dkim.service opendkim.service
RequiredBy=other.service
WantedBy=multi-user.target graphical.target
TriggeredBy=opendkim.socket
LoadState=loaded
ActiveState=failed
SubState=failed
FragmentPath=/lib/systemd/system/opendkim.service
SourcePath=
DropInPaths=/etc/systemd/system/opendkim.service.d/a.conf /run/systemd/system/opendkim.service.d/z.conf
UnitFileState=enabled

Listen=/run/a.sock (Stream)
Listen=[::]:8891 (Stream)
Environment=
Id=a.socket
Names=a.socket
LoadState=loaded
"""


def test_every_property() -> None:
    units = read_units(REAL.encode())
    assert units["opendkim.service"] is units["dkim.service"]
    assert units["opendkim.service"] == Unit(
        name="opendkim.service",
        load_state="loaded",
        active_state="failed",
        sub_state="failed",
        file_state="enabled",
        fragment="/lib/systemd/system/opendkim.service",
        drop_ins=(
            "/etc/systemd/system/opendkim.service.d/a.conf",
            "/run/systemd/system/opendkim.service.d/z.conf",
        ),
        wanted_by=("multi-user.target", "graphical.target", "other.service"),
        triggered_by=("opendkim.socket",),
        argv=("/usr/sbin/opendkim", "-f", "-p", "${SOCK}"),
        environment={"SOCK": "inet:8891@localhost", "OTHER": "x y"},
        environment_files=("/etc/sysconfig/one", "/etc/sysconfig/two"),
    )
    assert units["a.socket"].listen == ("/run/a.sock (Stream)", "[::]:8891 (Stream)")
    read = {line.partition("=")[0] for line in REAL.splitlines() if "=" in line}
    assert {name for name in read if name[0].isupper()} == {*PROPERTIES} - {"UnitFileState"} | {
        "UnitFileState"
    }


def test_a_unit_that_is_not_there() -> None:
    text = shown("x.service", state="", active="inactive", LoadState="not-found")
    (unit,) = read_units(text.encode()).values()
    assert (unit.load_state, unit.file_state, unit.argv) == ("not-found", "", ())


@pytest.mark.parametrize("output", [b"", b"\n\n", b"no such thing", b"\xff"])
def test_other_output_has_no_units(output: bytes) -> None:
    assert read_units(output) == {}


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("A=b C=d", {"A": "b", "C": "d"}),
        ('"A=b c" D=', {"A": "b c", "D": ""}),
        ('A=it"s', {"A": 'it"s'}),
        ("word A=b=c", {"A": "b=c"}),
    ],
)
def test_environments(text: str, variables: dict[str, str]) -> None:
    assert environment(text) == variables

"""Units, as systemctl and journalctl tell of them."""

from collections.abc import Sequence

from mmx.detect.commands import Answer
from mmx.detect.facts import Absence, Failure
from mmx.tools.check.units import look_at_units, read

SHOWN = b"""\
Id=opendkim.service
Names=opendkim.service dkim.service
LoadState=loaded
ActiveState=failed
UnitFileState=disabled
TriggeredBy=opendkim.socket
Result=exit-code
MainPID=0
RuntimeDirectory=opendkim
ExecStart={ path=/usr/sbin/opendkim ; argv[]=/usr/sbin/opendkim -f ; ignore_errors=no }

Id=opendkim.socket
Names=opendkim.socket
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=none.service
Names=none.service
LoadState=not-found
ActiveState=inactive

Id=mmx.service
Names=mmx.service
LoadState=loaded
ActiveState=active
UnitFileState=masked-runtime
MainPID=4711
User=mmx
"""


def answer(argv: Sequence[str], _limit: float) -> Answer:
    if argv[0].endswith("journalctl"):
        assert argv[-1] == "_SYSTEMD_UNIT=opendkim.service"
        return Answer(b"first\nno key\n\n")
    return Answer(SHOWN)


def test_every_unit_that_there_is() -> None:
    views = read(SHOWN)
    assert views.keys() == {"opendkim.service", "dkim.service", "opendkim.socket", "mmx.service"}
    opendkim, mmx = views["opendkim.service"], views["mmx.service"]
    assert (opendkim.failed, opendkim.active, opendkim.masked, opendkim.socket) == (
        True,
        False,
        False,
        "opendkim.socket",
    )
    assert (opendkim.why_out, opendkim.main_pid) == ("", 0)
    assert opendkim.more["RuntimeDirectory"] == "opendkim"
    assert (mmx.failed, mmx.active, mmx.masked, mmx.main_pid) == (False, True, True, 4711)
    assert mmx.why_out == "mmx.service is masked"


def test_the_last_line_of_a_unit_that_has_failed() -> None:
    views = look_at_units(answer, ["opendkim.service"], booted=True)
    assert not isinstance(views, Failure)
    assert views["opendkim.service"].last_line == "no key"
    assert views["mmx.service"].last_line == ""


def test_nobody_to_ask() -> None:
    assert isinstance(look_at_units(answer, ["a"], booted=False), Absence)
    failed = look_at_units(lambda _argv, _limit: Answer(failure="too slow"), ["a"], booted=True)
    assert failed == Failure("systemctl show: too slow")

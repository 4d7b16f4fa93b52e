import pytest

from mmx.detect.command_line import Said, expand, option

VARIABLES = {
    "OPTIONS": Said("-x /etc/a.conf -p inet:8891@localhost", "/etc/sysconfig/a:2"),
    "SOCKET": Said("/run/a", "/etc/sysconfig/a:3"),
    "EMPTY": Said("", "/etc/sysconfig/a:4"),
}


def words(line: str) -> list[str]:
    return [said.text for said in expand(line.split(), VARIABLES)]


@pytest.mark.parametrize(
    ("line", "expanded"),
    [
        ("a -f", ["a", "-f"]),
        ("a $OPTIONS -f", ["a", "-x", "/etc/a.conf", "-p", "inet:8891@localhost", "-f"]),
        ("a $EMPTY $NONE -f", ["a", "-f"]),
        ("a ${OPTIONS}", ["a", "-x /etc/a.conf -p inet:8891@localhost"]),
        ("a -p unix:${SOCKET}.sock ${NONE}", ["a", "-p", "unix:/run/a.sock", ""]),
        ("a $$SOCKET $SOCKET/x", ["a", "$SOCKET", "$SOCKET/x"]),
    ],
)
def test_variables_are_put_in_as_systemd_does_it(line: str, expanded: list[str]) -> None:
    assert words(line) == expanded


@pytest.mark.parametrize(
    ("line", "flag", "value"),
    [
        ("a -p /run/a", "-p", Said("/run/a")),
        ("a -p/run/a", "-p", Said("/run/a")),
        ("a -p one -p two", "-p", Said("two")),
        ("a -p ${SOCKET}", "-p", Said("/run/a", "/etc/sysconfig/a:3")),
        ("a $OPTIONS", "-p", Said("inet:8891@localhost", "/etc/sysconfig/a:2")),
        ("a --config-file=/etc/c", "--config-file", Said("/etc/c")),
        ("a --config-file /etc/c", "--config-file", Said("/etc/c")),
        ("a -P /run/pid", "-p", None),
        ("a -p", "-p", None),
        ("a -p -f", "-p", None),
        ("a -p ${NONE}", "-p", None),
        ("a --config-files=/x", "--config-file", None),
    ],
)
def test_options(line: str, flag: str, value: Said | None) -> None:
    assert option(expand(line.split(), VARIABLES), flag) == value

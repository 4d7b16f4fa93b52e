"""Detection against the milters that are installed on this machine: their files, systemctl and rspamadm.

systemd need not run here, so the state of the units is read offline; what the daemons would do with their own
configuration is what the sockets are compared with.
"""

import re
import subprocess
from pathlib import Path

import pytest

from mmx.detect.collector import Collector
from mmx.detect.facts import Failure
from mmx.detect.planner import plan
from mmx.settings.detected import Detection, Found
from tests.integration.packages import require

PACKAGES = ("opendkim", "opendmarc", "clamav-milter", "spamass-milter", "rspamd", "systemd")


@pytest.fixture(scope="module")
def detection() -> Detection:
    require(PACKAGES)
    facts = Collector(booted=False).collect()
    assert not isinstance(facts.units, Failure), facts.units.reason
    return plan(facts, {})


def found(detection: Detection, name: str) -> Found:
    (milter,) = [milter for milter in detection.found if milter.name == name]
    return milter


def configured(path: str, keyword: str) -> tuple[str, int]:
    """The value of a keyword in a file of this machine, and its line, by other means than mmx's."""
    command = ["awk", f'$1 == "{keyword}" {{ value = $2; line = NR }} END {{ print value, line }}', path]
    value, line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return value, int(line)


@pytest.mark.parametrize(
    ("name", "path", "keyword"),
    [
        ("opendkim", "/etc/opendkim.conf", "Socket"),
        ("opendmarc", "/etc/opendmarc.conf", "Socket"),
        ("clamav-milter", "/etc/clamav/clamav-milter.conf", "MilterSocket"),
    ],
)
def test_the_socket_is_that_of_the_configuration(
    detection: Detection, name: str, path: str, keyword: str
) -> None:
    value, line = configured(path, keyword)
    milter = found(detection, name)
    assert str(milter.endpoint).removeprefix("unix:") == re.sub(r"^(unix|local):", "", value)
    assert milter.origin == f"{path}:{line}"


def test_the_socket_of_the_init_script(detection: Detection) -> None:
    """Run with its last step taken out, the script itself says which socket it would use."""
    script = Path("/etc/init.d/spamass-milter").read_text()
    head = script[: script.index("\nset -e\n")]
    said = subprocess.run(
        ["sh", "-c", f'{head}\necho "$SOCKET"'], check=True, capture_output=True, text=True
    ).stdout.splitlines()[-1]
    assert str(found(detection, "spamass-milter").endpoint) == f"unix:{said}"


def test_rspamd_as_rspamadm_has_it(detection: Detection) -> None:
    milter = found(detection, "rspamd")
    assert str(milter.endpoint) == "inet:localhost:11332"
    assert milter.origin == "rspamadm configdump worker"


def test_nothing_else_is_found(detection: Detection) -> None:
    """clamav-daemon and spamd are installed too, and are no milters."""
    assert {milter.name for milter in detection.found} >= {*PACKAGES} - {"systemd"}
    assert not {"spamd", "clamav-daemon"} & {milter.name for milter in detection.found}

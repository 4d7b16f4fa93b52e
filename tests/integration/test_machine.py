"""What the scripts of lab/ say of a machine that does not boot, and what they leave behind of it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration import packages
from tests.integration.machine import LAB

NOTHING_STARTS = 'rm -f "$R"/etc/systemd/system/*.wants/* "$R"/etc/rc[2345].d/S*'
STUCK = "[Service]\\nType=oneshot\\nExecStart=echo on my way\\nExecStart=sleep infinity\\n"
UNITS = '"$R"/etc/systemd/system'
NEVER_DONE = (
    f"printf '{STUCK}' > {UNITS}/stuck.service; mkdir -p {UNITS}/multi-user.target.wants; "
    f"ln -s ../stuck.service {UNITS}/multi-user.target.wants/"
)


@dataclass(frozen=True)
class Lab:
    """The directory of a machine."""

    directory: Path

    def boot(self, pre_boot: str) -> subprocess.CompletedProcess[str]:
        """Try it, with these commands before."""
        script = self.directory / "pre-boot"
        script.write_text(f"#!/bin/bash\nset -e\n{pre_boot}\n")
        script.chmod(0o755)
        return self.script("systemd-start")

    def script(self, name: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "LAB": str(self.directory), "BOOT_LIMIT": "8"}
        return subprocess.run([LAB / name], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def lab() -> Iterator[Lab]:
    packages.require(("systemd", "dbus", "iproute2", "procps"))
    made = Lab(Path(tempfile.mkdtemp(prefix="mmx-lab-", dir="/var/tmp")))
    yield made
    made.script("systemd-stop")
    shutil.rmtree(made.directory)


def test_a_boot_that_is_never_done(lab: Lab) -> None:
    done = lab.boot(f"{NOTHING_STARTS}; {NEVER_DONE}")
    assert done.returncode == 1
    assert "systemd: starting" in done.stdout
    for found in ("stuck.service", "on my way", "sleep infinity"):
        assert found in done.stdout, done.stdout
    outer, cgroup = ((lab.directory / name).read_text().strip() for name in ("outer.pid", "cgroup"))
    assert list(Path(cgroup).rglob("stuck.service"))
    assert lab.script("systemd-stop").stdout == "stopped\n"
    assert not Path(cgroup).exists()
    assert not Path(f"/proc/{outer}").exists()


def test_a_machine_that_ends_before_it_boots(lab: Lab) -> None:
    done = lab.boot("echo no disk >&2; exit 3")
    assert (done.returncode, done.stdout) == (1, "systemd: ended\n")
    assert (lab.directory / "boot.log").read_text() == "no disk\n"
    cgroup = (lab.directory / "cgroup").read_text().strip()
    assert lab.script("systemd-stop").stdout == "stopped\n"
    assert not Path(cgroup).exists()

"""Debian packages that the integration tests need: told apart, and installed only when asked to.

With MMX_TEST_INSTALL=1 missing packages are installed by apt-get, without starting any daemon: a policy-rc.d
says no to every start while dpkg runs and is put back as it was. Otherwise a test that needs a missing
package is skipped with the command that would install it.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

POSTFIX = ("postfix",)
REAL_MILTERS = (
    "opendkim", "opendkim-tools", "opendmarc", "clamav-milter", "clamav-daemon", "spamass-milter", "spamd",
    "rspamd", "dkimpy-milter", "swaks", "iproute2",
)  # fmt: skip
DEBIAN_RUNTIME = ("python3-yaml", "python3-prometheus-client", "python3-h11")
"""What the package of mmx needs."""
DEBIAN_PACKAGING = ("make", "dpkg-dev", "debhelper", "dh-python", "lintian", *DEBIAN_RUNTIME)
"""What `make deb` needs, and what judges it."""
MANUAL = ("man-db", "mandoc")
SHELLS = ("bash-completion", "zsh", "fish")
POLICY = Path("/usr/sbin/policy-rc.d")
PRESEED = "postfix postfix/main_mailer_type select No configuration\n"


def require(packages: Sequence[str]) -> None:
    """Return when all are installed; skip the test that asks otherwise."""
    missing = _missing(packages)
    if missing and os.environ.get("MMX_TEST_INSTALL") == "1":
        install(missing)
        missing = _missing(packages)
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}; MMX_TEST_INSTALL=1 installs them")


def install(packages: Sequence[str]) -> None:
    """Install Debian packages without starting what they bring."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["debconf-set-selections"], input=PRESEED.encode(), check=True)
    with no_daemon_starts():
        _apt(["update"], environment)
        _apt(["install", "--no-install-recommends", *packages], environment)


def _apt(words: Sequence[str], environment: dict[str, str]) -> None:
    command = ["apt-get", "-q", "-y", "-o", "Dpkg::Options::=--force-confold", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


@contextlib.contextmanager
def no_daemon_starts() -> Iterator[None]:
    """Keep maintainer scripts from starting services; what was at policy-rc.d comes back."""
    before = POLICY.read_bytes() if POLICY.exists() else None
    mode = POLICY.stat().st_mode & 0o777 if before is not None else 0o755
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            POLICY.unlink()
        else:
            POLICY.write_bytes(before)
            POLICY.chmod(mode)


def _missing(packages: Sequence[str]) -> list[str]:
    return [package for package in packages if not _installed(package)]


def _installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f=${db:Status-Status}", package]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout == "installed"

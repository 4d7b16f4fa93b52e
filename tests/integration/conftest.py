"""What the integration tests share: they refuse to run without root, in plain words."""

import os
from collections.abc import Iterator

import pytest

from tests.integration import machine, packages
from tests.integration.rig import Rig, Settings


def pytest_collection_modifyitems() -> None:
    if os.geteuid() != 0:
        pytest.exit("tests/integration needs root: it starts Postfix and real milters", returncode=1)


@pytest.fixture(scope="session")
def postfix_package() -> None:
    """Postfix's programs are installed."""
    packages.require(packages.POSTFIX)


@pytest.fixture(scope="session")
def real_milter_packages(postfix_package: None) -> None:
    """The real milters and what they need are installed."""
    packages.require(packages.REAL_MILTERS)


@pytest.fixture(scope="session")
def rig(postfix_package: None) -> Iterator[Rig]:
    """Postfix, the scripted children and, started when first used, mmx: for all differential tests."""
    with Rig(Settings()) as running:
        yield running


@pytest.fixture(scope="session")
def mail_host() -> Iterator[machine.MailHost]:
    """A booted mail host of its own with eight milters and mmx as a service."""
    packages.require(machine.PACKAGES)
    machine.require_python()
    with machine.MailHost() as running:
        running.install("inet:127.0.0.1:11332")
        yield running

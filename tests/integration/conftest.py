"""What the integration tests share: they refuse to run without root, in plain words."""

import os

import pytest


def pytest_collection_modifyitems() -> None:
    if os.geteuid() != 0:
        pytest.exit("tests/integration needs root: it starts Postfix and real milters", returncode=1)

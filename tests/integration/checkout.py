"""A copy of the project, as a checkout has it."""

import shutil
from pathlib import Path

from tests.integration.machine import SOURCE


def copy_project(directory: Path) -> None:
    """Copy what packages are built from to `directory`, which exists."""
    for name in ("LICENSE", "Makefile", "README.md", "pyproject.toml"):
        shutil.copy(SOURCE / name, directory)
    for name in ("docs", "etc", "mmx", "systemd", "tests"):
        shutil.copytree(SOURCE / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))

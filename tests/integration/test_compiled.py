"""What `make wheel` makes: the core compiled, in front of the tests that the source has to pass."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import packages
from tests.integration.checkout import copy_project

PACKAGES = ("gcc", "libc6-dev", *(("python3-dev",) if sys.base_prefix == "/usr" else ()))
"""What compiles; another Python than Debian's has its own headers."""
TESTS = ("tests/wire", "tests/core", "tests/aio", "tests/scenarios")
LIMIT = 600


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with mmx from the wheel, and the tests."""
    packages.require(PACKAGES)
    directory = tmp_path_factory.mktemp("compiled")
    source = directory / "source"
    source.mkdir()
    copy_project(source)
    made = run(source, "env", f"PYTHON={sys.executable}", "etc/packaging/make-wheel")
    wheel = Path(made.strip().splitlines()[-1])
    assert "py3-none-any" not in wheel.name
    place = directory / "place"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(directory, *pip, "--target", str(place), str(wheel))
    for name in ("tests", "docs", "etc", "systemd", "pyproject.toml", "README.md"):
        (place / name).symlink_to(source / name)
    assert not list(source.glob("mmx/**/*.so")), "the build has left something beside the source"
    yield place
    shutil.rmtree(directory)


def run(place: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


@pytest.mark.timeout(LIMIT)
def test_every_module_of_wire_and_core_is_compiled(compiled: Path) -> None:
    modules = sorted(
        path.stem for part in ("wire", "core") for path in (compiled / "mmx" / part).glob("*.py")
    )
    made = sorted(
        path.name.split(".")[0]
        for part in ("wire", "core")
        for path in (compiled / "mmx" / part).glob("*.so")
    )
    assert made == modules
    where = run(compiled, sys.executable, "-c", "import mmx.core.session as session; print(session.__file__)")
    assert where.strip().startswith(str(compiled))
    assert where.strip().endswith(".so")


@pytest.mark.timeout(LIMIT)
def test_it_passes_the_tests_of_the_source(compiled: Path) -> None:
    words = ("-q", "-p", "no:cacheprovider", "-m", "not interpreted", *TESTS)
    said = run(compiled, sys.executable, "-m", "pytest", *words)
    assert " passed" in said
    assert " failed" not in said

"""Missing Debian packages: a skip with the reason, or an installation that starts nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration import packages


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", path)
    return path


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MMX_TEST_INSTALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed: no-such-package; MMX_TEST_INSTALL=1"):
        packages.require(("no-such-package", "dpkg"))


def test_installed_packages_are_enough() -> None:
    packages.require(("dpkg",))


def test_packages_are_installed_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []
    monkeypatch.setattr(packages, "install", asked.append)
    for value in ("", "0", "1"):
        monkeypatch.setenv("MMX_TEST_INSTALL", value)
        with pytest.raises(pytest.skip.Exception):
            packages.require(("no-such-package",))
    assert asked == [["no-such-package"]]


def test_no_daemon_starts_meanwhile(policy: Path) -> None:
    with packages.no_daemon_starts():
        assert "exit 101" in policy.read_text()
        assert policy.stat().st_mode & 0o111
    assert not policy.exists()


def test_an_existing_policy_comes_back(policy: Path) -> None:
    policy.write_text("mine")
    policy.chmod(0o750)
    with pytest.raises(RuntimeError), packages.no_daemon_starts():
        raise RuntimeError
    assert policy.read_text() == "mine"
    assert policy.stat().st_mode & 0o777 == 0o750

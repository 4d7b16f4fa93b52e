"""Steps one by one."""

from pathlib import Path

import pytest

from mmx.detect.commands import Answer, run
from mmx.errors import PermissionsError, UnavailableError
from mmx.tools.install.steps import Command, RemoveFile, Step, Target, WriteFile, carry_out, when_changed


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path, run)


def test_a_file_is_written_once(target: Target) -> None:
    step = WriteFile("/etc/x/y.conf", "text\n", mode=0o600)
    assert step.is_due(target)
    assert step.describe(target) == f"write {target.root}/etc/x/y.conf, mode 0600:\n    text"
    step.perform(target)
    assert target.read("/etc/x/y.conf") == "text\n"
    assert target.place("/etc/x/y.conf").stat().st_mode & 0o777 == 0o600
    assert not step.is_due(target)
    assert [path.name for path in target.place("/etc/x").iterdir()] == ["y.conf"]


def test_a_file_with_other_text_is_replaced_unless_it_is_to_be_kept(target: Target) -> None:
    target.place("/f").write_text("mine")
    assert WriteFile("/f", "theirs").is_due(target)
    assert not WriteFile("/f", "theirs", keep=True).is_due(target)


def test_a_symbolic_link_is_replaced_and_not_followed(target: Target) -> None:
    target.place("/precious").write_text("precious")
    target.place("/f").symlink_to(target.place("/precious"))
    WriteFile("/f", "text").perform(target)
    assert target.read("/precious") == "precious"
    assert target.read("/f") == "text"


def test_remove(target: Target) -> None:
    target.place("/f").write_text("")
    step = RemoveFile("/f")
    assert step.is_due(target)
    assert step.describe(target).startswith("remove ")
    step.perform(target)
    assert not step.is_due(target)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [(PermissionError(13, "denied"), PermissionsError), (OSError(30, "full"), UnavailableError)],
)
def test_what_cannot_be_written_is_told(
    target: Target, monkeypatch: pytest.MonkeyPatch, fault: OSError, raised: type[Exception]
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise fault

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(raised, match="/etc/f: "):
        WriteFile("/etc/f", "").perform(target)


def test_commands(target: Target) -> None:
    Command(("/bin/true",)).perform(target)
    assert Command(("postconf", "-e", "a=b c")).describe(target) == "run postconf -e 'a=b c'"
    with pytest.raises(UnavailableError, match="/bin/false failed: exit status 1"):
        Command(("/bin/false",)).perform(target)
    with pytest.raises(UnavailableError, match="cannot be run"):
        Command(("/nowhere/at/all",)).perform(target)


def test_a_dry_run_does_nothing_and_says_everything(target: Target) -> None:
    ran = []

    def record(argv: object, _limit: float) -> Answer:
        ran.append(argv)
        return Answer()

    target = Target(target.root, record)
    steps: list[Step] = [WriteFile("/f", "one\ntwo\n"), Command(("reload",), when_changed), RemoveFile("/g")]
    said: list[str] = []
    carry_out(steps, target, said.append, dry=True)
    assert said == [f"would write {target.root}/f, mode 0644:\n    one\n    two", "would run reload"]
    assert not ran
    assert target.read("/f") is None
    said.clear()
    target.changed = False
    carry_out(steps, target, said.append, dry=False)
    assert said == [f"write {target.root}/f, mode 0644", "run reload"]
    assert ran == [("reload",)]
    said.clear()
    target.changed = False
    carry_out(steps, target, said.append, dry=False)
    assert said == ["nothing to do"]

import json
from pathlib import Path

import pytest

from mmx.detect.commands import Answer
from mmx.detect.facts import Failure, Unit
from mmx.detect.host_files import HostFiles
from mmx.detect.offline import offline_units, read_states
from tests.detect.hosts import Programs

UNIT = "[Service]\nExecStart=/usr/sbin/x\n"


def write(root: Path, path: str, text: str = UNIT) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def link(root: Path, path: str, target: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(target)


def units(root: Path, states: dict[str, str], *patterns: str, **answers: Answer) -> dict[str, Unit]:
    rows = [{"unit_file": name, "state": state, "preset": None} for name, state in states.items()]
    programs = Programs({f"systemctl --root={root}": Answer(json.dumps(rows).encode())})

    def run(argv: list[str], limit: float) -> Answer:
        return answers["is_enabled"] if "is-enabled" in argv else programs(argv, limit)

    found = offline_units(patterns, HostFiles(root), "/usr/bin/systemctl", run)  # type: ignore[arg-type]  # lists
    assert not isinstance(found, Failure)
    return dict(found)


def test_a_unit_and_its_drop_ins(tmp_path: Path) -> None:
    write(tmp_path, "usr/lib/systemd/system/x.service")
    write(tmp_path, "lib/systemd/system/x.service.d/a.conf", "[Service]\nExecStart=\nExecStart=/a\n")
    write(tmp_path, "etc/systemd/system/x.service.d/b.conf", "[Service]\nEnvironment=B=c\n")
    write(tmp_path, "etc/systemd/system/x.service.d/a.conf", "[Service]\nExecStart=\nExecStart=/z -p y\n")
    link(
        tmp_path, "etc/systemd/system/multi-user.target.wants/x.service", "/usr/lib/systemd/system/x.service"
    )
    unit = units(tmp_path, {"x.service": "enabled"}, "x.service", "y.service")["x.service"]
    assert unit.argv == ("/z", "-p", "y")
    assert unit.environment == {"B": "c"}
    assert unit.fragment == "/usr/lib/systemd/system/x.service"
    assert unit.drop_ins == (
        "/etc/systemd/system/x.service.d/a.conf",
        "/etc/systemd/system/x.service.d/b.conf",
    )
    assert (unit.load_state, unit.file_state, unit.wanted_by) == ("loaded", "enabled", ("multi-user.target",))


def test_what_the_administrator_puts_in_etc_wins(tmp_path: Path) -> None:
    write(tmp_path, "lib/systemd/system/x.service")
    write(tmp_path, "etc/systemd/system/x.service", "[Service]\nExecStart=/own\n")
    unit = units(tmp_path, {"x.service": "disabled"}, "x.service")["x.service"]
    assert (unit.argv, unit.fragment) == (("/own",), "/etc/systemd/system/x.service")


@pytest.mark.parametrize(
    "state", ["enabled", "enabled-runtime", "disabled", "static", "indirect", "linked", "bad"]
)
def test_states_are_passed_on(tmp_path: Path, state: str) -> None:
    unit = units(tmp_path, {"x.service": state}, "x.service")["x.service"]
    assert (unit.load_state, unit.file_state, unit.active_state) == ("loaded", state, "")


@pytest.mark.parametrize("state", ["masked", "masked-runtime"])
def test_masked_units(tmp_path: Path, state: str) -> None:
    link(tmp_path, "etc/systemd/system/x.service", "/dev/null")
    assert units(tmp_path, {"x.service": state}, "x.service")["x.service"].load_state == "masked"


def test_an_alias_has_the_state_of_what_it_stands_for(tmp_path: Path) -> None:
    link(tmp_path, "etc/systemd/system/x.service", "/lib/systemd/system/real.service")
    states = {"x.service": "alias", "real.service": "enabled"}
    assert units(tmp_path, states, "x.service")["x.service"].file_state == "enabled"


def test_instances_are_known_by_who_wants_them(tmp_path: Path) -> None:
    write(tmp_path, "lib/systemd/system/x@.service", "[Service]\nExecStart=/x -p /run/%i\n")
    link(
        tmp_path, "etc/systemd/system/multi-user.target.wants/x@one.service", "/lib/systemd/system/x@.service"
    )
    found = units(tmp_path, {"x@.service": "indirect"}, "x.service", "x@*.service")
    assert list(found) == ["x@one.service"]
    assert found["x@one.service"].argv == ("/x", "-p", "/run/one")
    assert found["x@one.service"].file_state == "enabled"


def test_a_socket_unit_triggers_its_service(tmp_path: Path) -> None:
    write(tmp_path, "lib/systemd/system/x.socket", "[Socket]\nListenStream=/run/x\n")
    found = units(tmp_path, {"x.socket": "enabled", "x.service": "disabled"}, "x.service", "x.socket")
    assert found["x.service"].triggered_by == ("x.socket",)
    assert found["x.socket"].listen == ("/run/x (Stream)",)


@pytest.mark.parametrize(("said", "wanted"), [(b"enabled\n", ("multi-user.target",)), (b"disabled\n", ())])
def test_init_scripts(tmp_path: Path, said: bytes, wanted: tuple[str, ...]) -> None:
    write(tmp_path, "etc/init.d/x", "#!/bin/sh\n")
    noise = b"x.service is not a native service, redirecting to systemd-sysv-install.\nExecuting: ...\n"
    found = units(tmp_path, {}, "x.service", "x.socket", is_enabled=Answer(said, noise, not wanted))
    assert found["x.service"].wanted_by == wanted
    assert found["x.service"].from_init_script
    assert found["x.service"].file_state == "generated"


def test_a_unit_file_wins_over_an_init_script(tmp_path: Path) -> None:
    write(tmp_path, "etc/init.d/x", "#!/bin/sh\n")
    assert not units(tmp_path, {"x.service": "enabled"}, "x.service")["x.service"].from_init_script


@pytest.mark.parametrize(
    ("output", "states"),
    [
        (b'[{"unit_file":"x.service","state":"enabled","preset":null}]', {"x.service": "enabled"}),
        (b"x.service  enabled  enabled\n\n1 unit files listed.\n", {"x.service": "enabled"}),
        (b'[{"unit": 1}]', {}),
        (b"", {}),
    ],
)
def test_lists_of_unit_files(output: bytes, states: dict[str, str]) -> None:
    assert read_states(output) == states


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(failure="systemctl did not answer within 10 s"), "systemctl did not answer within 10 s"),
        (Answer(b"", b"no\n", 1), "no"),
    ],
)
def test_a_systemctl_that_fails(tmp_path: Path, answer: Answer, reason: str) -> None:
    programs = Programs({"systemctl": answer})
    assert offline_units(["x.service"], HostFiles(tmp_path), "/usr/bin/systemctl", programs) == Failure(
        reason
    )

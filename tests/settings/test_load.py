import os
from pathlib import Path

import pytest

from mmx.errors import SettingsError
from mmx.settings.load import load

GOOD = 'detect: no\nchildren: {a: {endpoint: "unix:/run/a"}}\n'


@pytest.fixture
def main_file(tmp_path: Path) -> Path:
    path = tmp_path / "mmx.yaml"
    path.write_text(GOOD)
    return path


def drop_in(main_file: Path, name: str, text: str) -> Path:
    path = main_file.parent / "conf.d" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path)
    return [str(problem) for problem in caught.value.problems]


def test_a_single_file(main_file: Path) -> None:
    loaded = load(main_file)
    assert [child.name for child in loaded.settings.chain] == ["a"]
    assert loaded.origins["detect"] == f"{main_file}:1"
    assert loaded.origins["name_in_reply"] == "default"
    assert loaded.warnings == ()
    assert loaded.files == (main_file,)


def test_drop_ins_are_laid_over_in_byte_order(main_file: Path) -> None:
    late = drop_in(main_file, "b.yaml", "connect_timeout: 3s\n")
    early = drop_in(main_file, "B.yaml", "connect_timeout: 2s\nchildren: {a: {content: original}}\n")
    loaded = load(main_file)
    assert loaded.files == (main_file, early, late)
    assert loaded.settings.connect_timeout == 3
    assert loaded.origins["connect_timeout"] == f"{late}:1"
    assert loaded.origins["children.a.content"] == f"{early}:2"
    assert loaded.origins["children.a.endpoint"] == f"{main_file}:2"


def test_later_files_win_leaf_by_leaf_and_lists_replace(main_file: Path) -> None:
    main_file.write_text("default_action: {unreachable: accept, died: reject}\norder: [rspamd, opendkim]\n")
    drop_in(main_file, "a.yaml", "default_action: {died: shutdown}\norder: [opendmarc]\n")
    loaded = load(main_file)
    assert loaded.settings.default_action.unreachable == "accept"
    assert loaded.settings.default_action.died == "shutdown"
    assert loaded.settings.order == ("opendmarc",)


def test_a_setting_in_a_later_file_moves_no_child(main_file: Path) -> None:
    main_file.write_text("children:\n  x: {endpoint: 'unix:/run/x'}\n  y: {endpoint: 'unix:/run/y'}\n")
    drop_in(main_file, "a.yaml", "children: {y: {content: original}, x: {content: original}}\n")
    assert [child.name for child in load(main_file).settings.chain] == ["x", "y"]


def test_only_yaml_files_in_sight_are_read(main_file: Path) -> None:
    drop_in(main_file, ".hidden.yaml", "nonsense")
    drop_in(main_file, "a.yaml~", "nonsense")
    other = drop_in(main_file, "a.yml", "nonsense")
    loaded = load(main_file)
    assert loaded.files == (main_file,)
    assert [str(warning) for warning in loaded.warnings] == [
        f"{other}: not read: only names that end in .yaml are; rename it to a.yaml"
    ]


def test_problems_of_all_files_in_the_order_of_files_and_lines(main_file: Path) -> None:
    main_file.write_text("children: {zzz: {}}\nsocket_mode: 0660\nlog: {level: loud}\nlog: 1\n")
    other = drop_in(main_file, "a.yaml", "socket_mod: x\n- a")
    third = drop_in(main_file, "b.yaml", "socket_mod: x")
    told = problems(main_file)
    starts = [
        f"{main_file}:1:",
        f"{main_file}:2:",
        f"{main_file}:3:",
        f"{main_file}:4:",
        f"{other}:2:",
        f"{third}:1:",
    ]
    for problem, start in zip(told, starts, strict=True):
        assert problem.startswith(start)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert problems(path) == [
        f"{path}: cannot be read: No such file or directory; create it, or name another file with --config"
    ]


def test_a_directory(main_file: Path) -> None:
    assert f"{main_file.parent}: cannot be read: Is a directory; name a file" in problems(main_file.parent)


def test_a_directory_of_drop_ins_that_is_none(main_file: Path) -> None:
    wrong = main_file.parent / "conf.d"
    wrong.write_text("")
    assert problems(main_file) == [f"{wrong}: cannot be read: Not a directory; mend the cause"]


def test_a_file_that_everybody_may_write(main_file: Path) -> None:
    main_file.chmod(0o646)
    (warning,) = load(main_file).warnings
    assert str(warning) == f"{main_file}: every local user can write to this file; chmod o-w {main_file}"


def test_only_so_much_of_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mmx.yaml"
    with path.open("wb") as stream:
        os.truncate(stream.fileno(), 1 << 40)
    assert problems(path)[0].startswith(f"{path}: larger than 1 MiB")


def test_the_example_is_valid() -> None:
    example = Path(__file__).parent.parent.parent / "etc" / "mmx.yaml"
    assert load(example).settings.listeners[0].name == "unix:/var/spool/postfix/mmx/mmx.sock"

"""Running Postfix's programs: the words they get, what they print, and every way in which they fail."""

import os
import re
from pathlib import Path

import pytest

from mmx.errors import InvalidValueError, UnavailableError
from mmx.tools.held import postfix as held_postfix
from mmx.tools.held.postfix import PROGRAMS, Postfix, instance
from tests.tools.held_programs import Programs


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def test_programs_are_asked_for_by_path_and_of_another_instance_through_postmulti() -> None:
    assert Postfix().command("postsuper", "-d", "A1") == ["/usr/sbin/postsuper", "-d", "A1"]
    words = Postfix("postfix-out").command("postsuper", "-d", "A1")
    assert words == ["/usr/sbin/postmulti", "-i", "postfix-out", "-x", "/usr/sbin/postsuper", "-d", "A1"]
    assert PROGRAMS.is_absolute()


@pytest.mark.parametrize("name", ["-", "postfix-out", "/etc/postfix-out", "mail.1"])
def test_names_of_instances(name: str) -> None:
    assert instance(name) == name


@pytest.mark.parametrize("name", ["", "-x", "a b", "a;b", "../x", "$HOME", "a\n"])
def test_what_is_no_name_of_an_instance(name: str) -> None:
    with pytest.raises(InvalidValueError):
        instance(name)


def test_no_shell_reads_the_words(programs: Programs, tmp_path: Path) -> None:
    programs.script("postsuper", 'printf "<%s>" "$@"')
    word = f"$(touch {tmp_path}/owned)"
    assert Postfix(programs=tmp_path).attempt("postsuper", "-d", word) == (f"<-d><{word}>", None)
    assert not (tmp_path / "owned").exists()


def test_environment_and_directory_are_clean(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_CONFIG", "/tmp/evil")
    programs.script("postqueue", 'echo "$MAIL_CONFIG|$LC_ALL|$PWD"')
    assert Postfix(programs=tmp_path).attempt("postqueue") == ("|C|/\n", None)


def test_output_comes_in_pieces_of_bounded_size(programs: Programs, tmp_path: Path) -> None:
    programs.says("postcat", b"ab\n" + b"x" * 10 + b"\nend")
    pieces = list(Postfix(programs=tmp_path).read("postcat", "-q", "A1", piece=4))
    assert pieces == [b"ab\n", b"xxxx", b"xxxx", b"xx\n", b"end"]


def test_what_a_program_warns_of_is_told(programs: Programs, tmp_path: Path) -> None:
    told: list[str] = []
    programs.says("postqueue", b"", b"postqueue: warning: \x1b[31msystem is down\n")
    assert list(Postfix(None, told.append, programs=tmp_path).read("postqueue", piece=9)) == []
    assert told == [r"postqueue: warning: \x1b[31msystem is down"]


@pytest.mark.parametrize("way", ["run", "read"])
def test_a_program_that_fails_is_an_error_with_its_words(
    programs: Programs, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    programs.says(
        "postqueue", errors=b"postqueue: fatal: Queue report unavailable - mail system is down\n", status=69
    )
    told = "postqueue: fatal: Queue report unavailable - mail system is down; start Postfix, or try sudo: "
    with pytest.raises(UnavailableError, match="^" + re.escape(told)):
        call(Postfix(programs=tmp_path), way)


@pytest.mark.parametrize("way", ["run", "read"])
def test_a_program_that_says_nothing_is_named(programs: Programs, tmp_path: Path, way: str) -> None:
    programs.says("postqueue", status=3)
    with pytest.raises(UnavailableError, match=r"^postqueue: exit status 3$"):
        call(Postfix(programs=tmp_path), way)


@pytest.mark.parametrize("way", ["run", "read"])
def test_a_host_without_postfix(tmp_path: Path, way: str) -> None:
    with pytest.raises(UnavailableError, match=r"postqueue cannot be run: .*; is Postfix installed\?$"):
        call(Postfix(programs=tmp_path), way)


def test_an_instance_that_is_none(programs: Programs, tmp_path: Path) -> None:
    programs.says("postmulti", status=1)
    with pytest.raises(UnavailableError, match=r"^postmulti does nothing for the instance nosuch: "):
        call(Postfix("nosuch", programs=tmp_path), "read")


def test_a_program_that_hangs_is_ended(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_postfix, "LIMIT", 0.05)
    programs.script("postqueue", "exec sleep 60")
    with pytest.raises(UnavailableError, match=r"postqueue did not end within 0\.05 s"):
        call(Postfix(programs=tmp_path), "read")


def test_a_program_of_which_nobody_wants_more_is_ended(programs: Programs, tmp_path: Path) -> None:
    programs.script("postcat", "echo $$; exec sleep 60")
    output = Postfix(programs=tmp_path).read("postcat", piece=100)
    number = int(next(output))
    output.close()  # type: ignore[attr-defined]
    assert not Path(f"/proc/{number}").exists()


def call(postfix: Postfix, way: str) -> None:
    if way == "run":
        postfix.run("postqueue", "-j")
    else:
        list(postfix.read("postqueue", "-j", piece=1000))

"""The manual pages, read by what reads manual pages: man with groff, mandoc, lexgrog."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from mmx.tools.manual.__main__ import pages
from mmx.tools.verbs import VERBS
from tests.integration import packages

NAMES = sorted(pages("2026-11-02"))


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as in MANPATH, with all pages."""
    packages.require(packages.MANUAL)
    directory = tmp_path_factory.mktemp("share") / "man"
    for name, text in pages("2026-11-02").items():
        path = directory / f"man{name[-1]}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def output(*command: str, **environment: str) -> str:
    """Both outputs of a program that must succeed."""
    done = subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANPAGER": "cat", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_readers_have_nothing_to_say_against_a_page(name: str, manual: Path) -> None:
    path = str(manual / f"man{name[-1]}" / name)
    shown = ["sh", "-c", 'man --warnings -E UTF-8 -l -Tutf8 -Z "$0" 2>&1 >/dev/null', path]
    assert output(*shown) == ""
    assert output("mandoc", "-T", "lint", "-W", "style", path) == ""
    assert output("lexgrog", path).startswith(f'{path}: "{name[:-2]} - ')


@pytest.mark.parametrize("width", ["60", "80", "200"])
def test_pages_fit_a_terminal(width: str, manual: Path) -> None:
    for name in NAMES:
        path = str(manual / f"man{name[-1]}" / name)
        lines = output("man", "-P", "cat", "-l", path, MANWIDTH=width).splitlines()
        # Command lines and examples of settings stay whole, and words are as long as they are.
        filled = [line for line in lines if not re.match(r" {9}", line) and " " in line.strip()]
        assert len(filled) > 8
        assert [line for line in filled if len(line) > max(int(width), 72)] == []


def test_man_finds_each_page_and_apropos_its_words(manual: Path) -> None:
    for verb in VERBS:
        page = output("man", "-M", str(manual), f"mmx-{verb.name}", MANWIDTH="80")
        assert f"mmx {verb.name}" in page
        assert "--help" in page
    page = output("man", "-M", str(manual), "5", "mmx.yaml", MANWIDTH="80")
    assert re.search(r"limits\.max_spool\n +kind: size; unit: bytes; default: \"4GiB\"\n", page)
    output("mandb", "--quiet", "--user-db", str(manual))
    found = output("apropos", "-M", str(manual), "multiplexer")
    assert found == "mmx (8)              - a milter multiplexer for Postfix\n"

"""docs/reference/checklist.md is exact: what it names exists, and it names every scenario file."""

import ast
import re
from pathlib import Path

import pytest

from tests.scenarios.format import all_files, load
from tests.scenarios.model import HERE

ROOT = HERE.parent.parent
PAGE = (ROOT / "docs" / "reference" / "checklist.md").read_text()
SCENARIO = re.compile(r"`((?:checklist|traps|rules|joins)/[^`]+)`(?:: ([^|]*?)(?=<br>| \|))?")
TEST = re.compile(r"`(tests/[^`]+\.py)(?:::(\w+))?`")


def section(number: int) -> str:
    return PAGE.split(f"\n## {number}. ")[1].split("\n## ")[0]


def functions(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_scenario_file_is_on_the_page() -> None:
    files = {str(path.relative_to(HERE).with_suffix("")) for path in all_files()}
    assert {name for name, _ in SCENARIO.findall(PAGE)} == files


@pytest.mark.parametrize(("name", "title"), [pair for pair in SCENARIO.findall(PAGE) if pair[1]])
def test_a_title_on_the_page_is_that_of_the_file(name: str, title: str) -> None:
    assert load(HERE / f"{name}.scenario").title == title


@pytest.mark.parametrize(("file", "function"), sorted(set(TEST.findall(PAGE))))
def test_a_test_on_the_page_exists(file: str, function: str) -> None:
    assert (ROOT / file).is_file()
    assert not function or function in functions(ROOT / file)


def test_the_lists_are_whole() -> None:
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", section(3), re.MULTILINE)] == list(
        range(1, 19)
    )
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", section(4), re.MULTILINE)] == list(
        range(1, 63)
    )


@pytest.mark.parametrize("number", range(1, 8))
def test_every_line_is_shown_by_something_or_says_why_not(number: int) -> None:
    _, table = section(number).split("|---|\n")
    silent = [
        row
        for row in table.strip().splitlines()
        if not SCENARIO.search(row) and not TEST.search(row) and "| later: " not in row
    ]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("path", all_files(), ids=lambda path: path.stem)
def test_a_checklist_file_names_its_line(path: Path) -> None:
    if path.parent.name == "checklist" and not path.stem.startswith("never-"):
        assert f"checklist {path.stem}" in load(path).rules

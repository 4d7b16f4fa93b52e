"""Whether colours are wanted, and what they look like."""

import io
import re
from pathlib import Path

import pytest

from mmx.tools import colour
from mmx.tools.colour import Paint, wants_colours


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "wanted"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colours(stream: io.StringIO, environment: dict[str, str], wanted: bool) -> None:
    assert wants_colours(stream, environment) is wanted


def test_a_difference_is_coloured_by_its_first_character() -> None:
    lines = ["+added", "-gone", "@@ 1 @@", " kept"]
    coloured = ["\033[32m+added\033[0m", "\033[31m-gone\033[0m", "\033[36m@@ 1 @@\033[0m", " kept"]
    assert [Paint(colours=True).difference(line) for line in lines] == coloured
    assert [Paint(colours=False).difference(line) for line in lines] == lines


def test_colours_are_made_in_one_place() -> None:
    code = re.compile(r"\\(?:033|x1b|e)\[[0-9;{}]*m")
    sources = Path(colour.__file__).parent.parent.rglob("*.py")
    assert [path.name for path in sources if code.search(path.read_text())] == ["colour.py"]

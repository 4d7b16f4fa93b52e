from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mmx.settings.build import build
from mmx.settings.document import read_document
from mmx.settings.load import load
from mmx.settings.model import Settings
from mmx.settings.section import Findings
from mmx.settings.show import quoted, show
from tests.settings.strategies import settings


@given(settings())
def test_what_is_shown_is_read_back_to_equal_settings(shown: Settings) -> None:
    findings = Findings("shown.yaml")
    table, problems = read_document("shown.yaml", show(shown, {}).encode())
    assert problems == []
    assert build(table, findings) == shown
    assert findings.problems == []


def test_the_defaults_load_back_as_a_file() -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "mmx.yaml")
        path.write_text(show(Settings(), {}))
        assert load(path).settings == Settings()


def test_every_value_names_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "mmx.yaml"
    path.write_text('detect: no\ndefault_action: {died: accept}\nchildren:\n  a: {endpoint: "unix:/run/a"}\n')
    loaded = load(path)
    lines = show(loaded.settings, loaded.origins).splitlines()
    for line in (
        f"detect: false  # {path}:1",
        "  unreachable: tempfail  # default",
        f"  died: accept  # {path}:2",
        "  max_sessions: null  # default",
        f'    endpoint: "unix:/run/a"  # {path}:4',
        "      died: accept  # default_action.died",
        '    connect_timeout: "5s"  # connect_timeout',
    ):
        assert line in lines
    values = [line for line in lines[1:] if not line.endswith(":")]
    assert all("  # " in line for line in values)
    assert len(values) == len(loaded.origins)


def test_an_origin_cannot_break_out_of_its_comment() -> None:
    assert yaml.safe_load(show(Settings(), {"detect": "a\nnew: 1"}))["detect"] is True
    assert "new" not in yaml.safe_load(show(Settings(), {"detect": "a\nnew: 1"}))


@given(st.text())
def test_quoted_strings_are_ascii_and_read_back(text: str) -> None:
    if any(0xD800 <= ord(char) < 0xE000 for char in text):
        return
    assert quoted(text).isascii()
    assert quoted(text).isprintable()
    assert yaml.safe_load(quoted(text)) == text


@pytest.mark.parametrize(
    ("text", "shown"), [('a"b\\', r'"a\"b\\"'), ("\x00é☃😀", r'"\x00\xe9\u2603\U0001f600"')]
)
def test_escapes(text: str, shown: str) -> None:
    assert quoted(text) == shown

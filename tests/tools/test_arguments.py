"""The parser of commands."""

import pytest

from mmx.errors import EX_USAGE
from mmx.tools.arguments import Parser


def test_a_wrong_command_line_ends_with_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        Parser(prog="mmx anything").parse_args(["--what"])
    assert caught.value.code == EX_USAGE
    expected = "mmx anything: unrecognized arguments: --what; see mmx anything --help\n"
    assert capsys.readouterr().err == expected

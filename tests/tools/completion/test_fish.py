"""The script for fish; tests/integration asks fish itself."""

from mmx.tools.command_tree import command_tree
from mmx.tools.completion.fish import fish_script


def test_every_command_and_option_is_in_it() -> None:
    script = fish_script()
    for command in command_tree().walk():
        assert command.path in script
        names = [name.lstrip("-") for option in command.options for name in option.names]
        assert [name for name in names if name not in script] == []


def test_descriptions_are_quoted() -> None:
    assert r"-l name -x -d 'the client\'s verified name (default: unknown)'" in fish_script()

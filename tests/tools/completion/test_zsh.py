"""The script for zsh; tests/integration asks zsh itself."""

from mmx.tools.command_tree import command_tree
from mmx.tools.completion.zsh import zsh_script


def test_every_command_and_option_is_in_it() -> None:
    script = zsh_script()
    for command in command_tree().walk():
        assert command.path in script
        names = [name.lstrip("-") for option in command.options for name in option.names]
        assert [name for name in names if name not in script] == []


def test_descriptions_are_quoted_for_the_shell_and_for_arguments() -> None:
    script = zsh_script()
    assert "'*--name=[the client'\"'\"'s verified name (default\\: unknown)]:NAME: '" in script
    assert "'*--config=[" in script
    assert "'*--watch=[again every so many seconds, 2 if none are given]::SECONDS: '" in script

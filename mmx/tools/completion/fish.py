"""The script for fish: a `complete` for each option and argument, with the place where it belongs.

The place is found as in bash: by walking over the words up to the cursor, knowing which options take one.
"""

import re
from collections.abc import Iterator
from typing import Final

from mmx.tools.command_tree import Argument, Command, Kind, command_tree

_HEAD: Final = """\
# Completion of mmx for fish; printed by `mmx completion fish`.

# Whether the words before the cursor lead to a command; with a number also, whether so many arguments follow.
function __mmx_at
    set -l path ''
    set -l option ''
    set -l count 0
    for word in (commandline -opc)[2..-1]
        if test -n "$option"
            set option ''
        else if string match -q -- '-*' $word
            contains -- "$path $word" $__mmx_takes; and set option $word
        else if contains -- "$path $word" $__mmx_commands
            set path (string trim -- "$path $word")
            set count 0
        else
            set count (math $count + 1)
        end
    end
    test "$path" = "$argv[1]"; or return 1
    test (count $argv) = 1; or test "$count" = "$argv[2]"
end

function __mmx_children
    set -l words (commandline -opc)
    set -l where
    for at in (seq 2 (count $words))
        contains -- "$words[$at]" -c --config --socket; and set -a where $words[$at] $words[(math $at + 1)]
    end
    mmx completion $where children 2>/dev/null
end

function __mmx_endpoints
    printf '%s\\n' unix: inet:
    set -l path (string replace -r '^unix:' '' -- (commandline -ct)); or return 0
    printf 'unix:%s\\n' $path*
end

"""
_WHAT: Final = {
    Kind.FILE: "-F",
    Kind.DIRECTORY: "-x -a '(__fish_complete_directories)'",
    Kind.CHILD: "-x -a '(__mmx_children)'",
    Kind.ENDPOINT: "-x -a '(__mmx_endpoints)'",
    Kind.NOTHING: "-x",
}
_SPECIAL: Final = re.compile(r"[\\']")


def fish_script() -> str:
    """The whole script."""
    commands = list(command_tree().walk())
    takes = [
        f"{command.path} {name}"
        for command in commands
        for option in command.options
        if option.takes_word
        for name in option.names
    ]
    leads = [f"{command.path} {below.words[-1]}" for command in commands for below in command.commands]
    lines = ["complete -c mmx -f", *(line for command in commands for line in _lines(command))]
    return _HEAD + "\n".join([_list("__mmx_takes", takes), _list("__mmx_commands", leads), *lines, ""])


def _list(name: str, values: list[str]) -> str:
    return f"set -g {name} " + " \\\n    ".join(map(_quoted, values)) + "\n"


def _lines(command: Command) -> Iterator[str]:
    here = _complete(f"__mmx_at {_quoted(command.path)}")
    first = _complete(f"__mmx_at {_quoted(command.path)} 0")
    for below in command.commands:
        yield f"{first} -a {below.words[-1]} -d {_quoted(below.told)}"
    for number, argument in enumerate(command.arguments):
        place = here if argument.repeats else _complete(f"__mmx_at {_quoted(command.path)} {number}")
        yield f"{place} {_what(argument)}"
    for option in command.options:
        names = " ".join(_name(name) for name in option.names)
        value = f" {_what(option)}" if option.takes_word else ""
        required = " -r" if value == " -F" else ""
        yield f"{here} {names}{required}{value} -d {_quoted(option.told)}"


def _complete(condition: str) -> str:
    return f"complete -c mmx -n {_quoted(condition)}"


def _name(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _what(argument: Argument) -> str:
    return f"-x -a {_quoted(' '.join(argument.choices))}" if argument.choices else _WHAT[argument.kind]


def _quoted(text: str) -> str:
    return "'" + _SPECIAL.sub(r"\\\g<0>", text) + "'"

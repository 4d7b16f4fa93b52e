"""The script for zsh: for each command a function that describes it to `_arguments`."""

from collections.abc import Iterator
from shlex import quote
from typing import Final

from mmx.tools.command_tree import Argument, Command, Kind, command_tree

_HEAD: Final = """\
#compdef mmx
# Completion of mmx for zsh; printed by `mmx completion zsh`.

_mmx_children() {
    local -a names where
    local option expl
    for option in -c --config --socket; do
        (( $+opt_args[$option] )) && where+=($option ${(Q)opt_args[$option]})
    done
    names=(${(f)"$(mmx completion $where children 2>/dev/null)"})
    _wanted children expl child compadd -a names
}

_mmx_endpoints() {
    if compset -P 'unix:'; then
        _files
    else
        compadd -S '' unix: inet:
    fi
}
"""
_TAIL: Final = """
if [[ $funcstack[1] == _mmx ]]; then
    _mmx "$@"
else
    compdef _mmx mmx
fi
"""
_ACTIONS: Final = {
    Kind.NOTHING: " ",
    Kind.FILE: "_files",
    Kind.DIRECTORY: "_files -/",
    Kind.CHILD: "_mmx_children",
    Kind.ENDPOINT: "_mmx_endpoints",
}


def zsh_script() -> str:
    """The whole script."""
    return _HEAD + "".join(_function(command) for command in command_tree().walk()) + _TAIL


def _function(command: Command) -> str:
    specs = [spec for option in command.options for spec in _option(option)]
    if not command.commands:
        specs += [_argument(argument) for argument in command.arguments]
        return _braced(command, [_call("_arguments -s :", specs)])
    specs += ["1: :->command", "*:: :->rest"]
    told = [f"            {quote(f'{one.words[-1]}:{_colons(one.told)}')}" for one in command.commands]
    below = [f"                {one.words[-1]}) {_name(one)} ;;" for one in command.commands]
    return _braced(
        command,
        [
            "    local curcontext=$curcontext state line",
            "    local -a commands",
            "    typeset -A opt_args",
            _call("_arguments -C -s :", specs),
            "    case $state in",
            "        command)",
            "            commands=(",
            *(f"    {line}" for line in told),
            "            )",
            "            _describe -t commands command commands ;;",
            "        rest)",
            "            case $words[1] in",
            *below,
            "            esac ;;",
            "    esac",
        ],
    )


def _braced(command: Command, lines: list[str]) -> str:
    return "\n".join(["", f"{_name(command)}() {{", *lines, "}", ""])


def _call(start: str, specs: list[str]) -> str:
    return " \\\n        ".join([f"    {start}", *map(quote, specs)])


def _name(command: Command) -> str:
    return "_".join(("_mmx", *(word.replace("-", "_") for word in command.words)))


def _option(option: Argument) -> Iterator[str]:
    others = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
    told = f"[{_brackets(option.told)}]"
    for name in option.names:
        if not option.value:
            yield f"{others}{name}{told}"
            continue
        joint = "=" if name.startswith("--") else "+"
        missing = "" if option.takes_word else ":"
        yield f"*{name}{joint}{told}:{missing}{_value(option)}"


def _argument(argument: Argument) -> str:
    start = "*:" if argument.repeats else ":" if argument.takes_word else "::"
    return f"{start}{_value(argument)}"


def _value(argument: Argument) -> str:
    action = f"({' '.join(argument.choices)})" if argument.choices else _ACTIONS[argument.kind]
    return f"{_colons(argument.value.strip('[]').split()[0] if argument.value else '')}:{action}"


def _colons(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", r"\:")


def _brackets(text: str) -> str:
    return _colons(text).replace("[", r"\[").replace("]", r"\]")

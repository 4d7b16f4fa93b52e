"""The script for bash. It needs nothing but bash 4.4: no package for completion.

Tables made from the command line say which options there are and what each takes; the function that bash
calls walks over the words up to the cursor with them. It splits the line itself: bash would do so at each `:`
and `=` as well.
"""

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import Final

from mmx.tools.command_tree import Argument, Command, Kind, command_tree

_HEAD: Final = """\
# Completion of mmx for bash; printed by `mmx completion bash`.

# Each of these sets `want` to what can stand there: a kind, words, or nothing.
"""
_BODY: Final = r"""
_mmx() {
    local line=${COMP_LINE:0:COMP_POINT} words word path='' option='' count=0 where=() cur want
    COMPREPLY=()
    read -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    cur=${words[${#words[@]} - 1]}
    for word in "${words[@]:1:${#words[@]} - 2}"; do
        if [[ $option ]]; then
            [[ $option == @(-c|--config|--socket) ]] && where+=("$option" "$word")
            option=''
        elif [[ $word == -* ]]; then
            [[ $word == --@(config|socket)=* ]] && where+=("$word")
            _mmx_takes "$path $word"
            [[ $want ]] && option=$word
        elif _mmx_commands "$path" && [[ " $want " == *" $word "* ]]; then
            path="${path:+$path }$word"
            count=0
        else
            count=$((count + 1))
        fi
    done
    if [[ $option ]]; then
        _mmx_takes "$path $option"
    elif [[ $cur == --*=* ]]; then
        _mmx_takes "$path ${cur%%=*}"
        cur=${cur#*=}
    elif [[ $cur == -* ]]; then
        _mmx_options "$path"
    else
        _mmx_commands "$path"
        ((count)) && want=''
        [[ $want ]] || _mmx_argument "$path" "$count"
        [[ $want ]] || _mmx_options "$path"
    fi
    case $want in
        file)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        directory)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
        endpoint)
            compopt -o nospace
            if [[ $cur == unix:* ]]; then
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "${cur#unix:}")
            else
                mapfile -t COMPREPLY < <(compgen -W 'unix: inet:' -- "$cur")
            fi ;;
        child)
            want=$(mmx completion "${where[@]}" children 2>/dev/null) ;;&
        anything) ;;
        *)
            mapfile -t COMPREPLY < <(compgen -W "$want" -- "$cur") ;;
    esac
}

complete -F _mmx mmx
"""


def bash_script() -> str:
    """The whole script."""
    commands = list(command_tree().walk())
    tables = (
        _table("_mmx_commands", ((quote(one.path), _names(one)) for one in commands)),
        _table("_mmx_options", ((quote(one.path), _options(one)) for one in commands)),
        _table("_mmx_takes", (row for one in commands for row in _takes(one))),
        _table("_mmx_argument", (row for one in commands for row in _arguments(one)), subject="$1 $2"),
    )
    return _HEAD + "\n".join(tables) + _BODY


def _table(name: str, rows: Iterable[tuple[str, str]], subject: str = "$1") -> str:
    lines = [f"        {pattern}) want={quote(want)} ;;" for pattern, want in rows if want]
    return "\n".join([f"{name}() {{", "    want=''", f'    case "{subject}" in', *lines, "    esac", "}", ""])


def _names(command: Command) -> str:
    return " ".join(below.words[-1] for below in command.commands)


def _options(command: Command) -> str:
    return " ".join(name for option in command.options for name in option.names)


def _takes(command: Command) -> Iterator[tuple[str, str]]:
    for option in command.options:
        if option.takes_word:
            yield "|".join(quote(f"{command.path} {name}") for name in option.names), _want(option)


def _arguments(command: Command) -> Iterator[tuple[str, str]]:
    for number, argument in enumerate(command.arguments):
        place = f"{quote(f'{command.path} ')}*" if argument.repeats else quote(f"{command.path} {number}")
        yield place, _want(argument)


def _want(argument: Argument) -> str:
    if argument.choices:
        return " ".join(argument.choices)
    return "anything" if argument.kind is Kind.NOTHING else argument.kind.value

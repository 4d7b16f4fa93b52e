"""The command line of a unit: its variables put in as systemd does it, its options found.

systemd.service(5): `$X` as a word of its own becomes as many words as its value has, `${X}` anywhere becomes
part of its word, `$$` is a dollar sign. Each word remembers where it came from, so that a socket that stands
in an EnvironmentFile is said to be from there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_WHOLE: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_BRACED: Final = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Said:
    """A text, and FILE:LINE or whatever else tells where it was read; "" is the command line itself."""

    text: str
    origin: str = ""


def expand(argv: Sequence[str], variables: Mapping[str, Said]) -> list[Said]:
    """The words of a command line with variables put in; unset ones are empty, as in systemd."""
    words = []
    for word in argv:
        whole = _WHOLE.fullmatch(word)
        if whole:
            value = variables.get(whole[1], Said(""))
            words += [Said(part.strip("\"'"), value.origin) for part in value.text.split()]
            continue
        origins = [variables[name].origin for name in _BRACED.findall(word) if name in variables]
        words.append(Said(_BRACED.sub(lambda match: _put_in(match, variables), word), *origins[:1]))
    return words


def _put_in(match: re.Match[str], variables: Mapping[str, Said]) -> str:
    if match[0] == "$$":
        return "$"
    return variables[match[1]].text if match[1] in variables else ""


def option(words: Sequence[Said], flag: str) -> Said | None:
    """The value of the last such option that has one: `-p VALUE`, `-pVALUE`, `--flag=VALUE`."""
    found = None
    for index, word in enumerate(words):
        if word.text == flag and index + 1 < len(words):
            found = words[index + 1]
        elif flag.startswith("--") and word.text.startswith(f"{flag}="):
            found = Said(word.text.removeprefix(f"{flag}="), word.origin)
        elif not flag.startswith("--") and word.text.startswith(flag) and len(word.text) > len(flag):
            found = Said(word.text.removeprefix(flag), word.origin)
    return found if found and found.text and not found.text.startswith("-") else None

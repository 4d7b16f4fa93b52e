"""Colours of the terminal: only where they are wanted (https://no-color.org)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO


def wants_colours(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal whose user has not declined colours."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts colours on text, or does not."""

    colours: bool

    def bold(self, text: str) -> str:
        return self._with("1", text)

    def dim(self, text: str) -> str:
        return self._with("2", text)

    def smtp(self, text: str) -> str:
        """An SMTP reply in the colour of its class."""
        return self.as_smtp(text[:1], text)

    def as_smtp(self, reply_class: str, text: str) -> str:
        """A text in the colour of that class of replies."""
        return self._with({"2": "32", "3": "32", "4": "33"}.get(reply_class, "31"), text)

    def difference(self, line: str) -> str:
        """A line of a diff."""
        code = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
        return self._with(code, line) if code else line

    def level(self, word: str, text: str) -> str:
        """A text in the colour of a level: ok, note, warning, error."""
        return self._with({"ok": "32", "note": "36", "warning": "33"}.get(word, "31"), text)

    def _with(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colours else text

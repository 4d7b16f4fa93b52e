"""Writes manual pages: man(7) macros that groff and mandoc read alike.

Text that goes in is Markdown of one paragraph: `code` and **strong** come out bold, *stress* italic, of links
their text remains. Everything else is what it looks like: each character that means something to roff
is escaped, a line never begins with a control character, and no line of text is longer than 78 bytes.
"""

import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Final

_WIDTH: Final = 78
_ESCAPES: Final = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_MARKUP: Final = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\[(?P<link>(?:`[^`]*`|[^\]`])+)\]\([^)\s]*\)"
    r"|(?<![\w*])\*(?P<stress>\w[^*`]*)\*(?!\w)"
)


def escape(text: str) -> str:
    """The text as it is to look; line ends are blanks."""
    plain = " ".join(text.splitlines()).translate(_ESCAPES)
    return _NON_ASCII.sub(lambda match: f"\\[u{ord(match.group()):04X}]", plain)


def bold(text: str) -> str:
    """The text, escaped, in bold."""
    return f"\\fB{escape(text)}\\fR"


def italic(text: str) -> str:
    """The text, escaped, in italic."""
    return f"\\fI{escape(text)}\\fR"


def inline(markdown: str) -> str:
    """A piece of Markdown as roff."""
    parts, end = [], 0
    for match in _MARKUP.finditer(markdown):
        kind = match.lastgroup or ""
        parts += [escape(markdown[end : match.start()]), _SPANS[kind](match.group(kind))]
        end = match.end()
    return "".join([*parts, escape(markdown[end:])])


_SPANS: Final[dict[str, Callable[[str], str]]] = {
    "code": bold,
    "strong": lambda text: bold(text.replace("`", "")),
    "link": inline,
    "stress": italic,
}


class Page:
    """One page, written from top to bottom."""

    def __init__(self, name: str, section: int, date: str, source: str) -> None:
        title = name.upper()
        self._lines = [
            f'.TH "{escape(title)}" "{section}" "{date}" "{escape(source)}"',
            ".nr HY 0",
            ".hy 0",
            ".ad l",
        ]
        self._after_heading = True

    def section(self, title: str) -> None:
        """A new section."""
        self._lines.append(f'.SH "{_argument(title.upper())}"')
        self._after_heading = True

    def subsection(self, title: str) -> None:
        """A part of a section."""
        self._lines.append(f'.SS "{_argument(title)}"')
        self._after_heading = True

    def paragraph(self, roff: str) -> None:
        """Text that `inline` and its like have made."""
        self._begin()
        self._lines += _filled(roff)

    def entry(self, tag: str, *texts: str) -> None:
        """A word and what it means; each further text begins on a new line."""
        self._after_heading = False
        # A tag is one line to roff, however long it is.
        self._lines += [".TP", " \\\n".join(_filled(tag))]
        for number, text in enumerate(filter(None, texts)):
            self._lines += [*([".br"] if number else []), *_filled(text)]

    def item(self, mark: str, roff: str) -> None:
        """An item of a list."""
        self._after_heading = False
        self._lines += [f'.IP "{mark}" 4', *_filled(roff)]

    def verbatim(self, lines: Iterable[str]) -> None:
        """Lines that stay as they are, indented."""
        self._begin()
        kept = [_protected(escape(line)) if line.strip() else "" for line in lines]
        # An empty line would be one of text to some readers.
        self._lines += [".RS 4", ".EX", *(line or r"\&" for line in kept), ".EE", ".RE"]

    def text(self) -> str:
        """The whole page."""
        return "\n".join(self._lines) + "\n"

    def _begin(self) -> None:
        if not self._after_heading:
            self._lines.append(".PP")
        self._after_heading = False


def _argument(text: str) -> str:
    return escape(text.replace("`", "")).replace('"', r"\(dq")


def _filled(roff: str) -> list[str]:
    wrapped = textwrap.wrap(roff, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [_protected(line) for line in wrapped]


def _protected(line: str) -> str:
    return rf"\&{line}" if line.startswith((".", "'")) else line

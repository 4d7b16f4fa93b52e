"""Words of a scenario line: text to bytes and back.

A word is a run of bare characters and quoted pieces; `*N` behind a quoted piece repeats it, `+` between
quoted pieces joins them. `~"..."` alone is a pattern. Text stands for its UTF-8 bytes; other bytes need
escapes. `show` writes bytes so that `split` reads them back.
"""

import re
from dataclasses import dataclass
from typing import Final

ESCAPES: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"'}
LONG_RUN: Final = 24
"""A run of one byte at least so long is shown as a repetition."""
LONG_TEXT: Final = 400
"""More bytes than this are shown with the middle left out."""

_PLAIN = re.compile(rb"[!#-~]+\Z")
_RUN = re.compile(rb"(.)\1{%d,}" % (LONG_RUN - 1), re.DOTALL)
_NAMED = {value[0]: "\\" + name for name, value in ESCAPES.items()}


class WordError(ValueError):
    """A line that cannot be split into words; the message says where."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A word whose exact text is free: it must match this regular expression as a whole."""

    text: str

    def matches(self, word: bytes) -> bool:
        return re.fullmatch(self.text.encode(), word, re.DOTALL) is not None


Word = bytes | Pattern


def split(line: str) -> list[Word]:
    """The words of a line."""
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at] == " ":
            at += 1
        elif line.startswith('~"', at):
            text, at = _quoted(line, at + 1)
            words.append(Pattern(text.decode()))
        elif line[at] == "~":
            raise WordError(f"column {at + 1}: a pattern is written in quotes")
        else:
            word, at = _word(line, at)
            words.append(word)
    return words


def _word(line: str, at: int) -> tuple[bytes, int]:
    parts: list[bytes] = []
    while at < len(line) and line[at] != " ":
        if line[at] == '"':
            piece, at = _repeated(line, at)
            if line.startswith('+"', at):
                at += 1
            elif at < len(line) and line[at] not in ' "':
                raise WordError(f"column {at + 1}: {line[at]!r} directly behind a quoted piece")
            parts.append(piece)
        else:
            start = at
            while at < len(line) and line[at] not in ' "':
                at += 1
            parts.append(line[start:at].encode())
    return b"".join(parts), at


def _repeated(line: str, at: int) -> tuple[bytes, int]:
    piece, at = _quoted(line, at)
    match = re.compile(r"\*([0-9]+)").match(line, at)
    if match is None:
        return piece, at
    return piece * int(match.group(1)), match.end()


def _quoted(line: str, at: int) -> tuple[bytes, int]:
    """The bytes of the quoted piece that starts at `at`, and the column behind it."""
    start = at
    at += 1
    out = bytearray()
    while at < len(line) and line[at] != '"':
        if line[at] != "\\":
            out += line[at].encode()
            at += 1
            continue
        name = line[at + 1 : at + 2]
        if name == "x" and re.fullmatch("[0-9a-fA-F]{2}", line[at + 2 : at + 4]):
            out.append(int(line[at + 2 : at + 4], 16))
            at += 4
        elif name in ESCAPES:
            out += ESCAPES[name]
            at += 2
        else:
            raise WordError(f"column {at + 1}: unknown escape")
    if at >= len(line):
        raise WordError(f"column {start + 1}: quote without its end")
    return bytes(out), at + 1


def show(word: bytes) -> str:
    """The word as a file would hold it; long ones shortened for the reader."""
    if _PLAIN.match(word) and len(word) < LONG_RUN * 4 and not word.startswith(b"~"):
        return word.decode()
    pieces: list[str] = []
    at = 0
    for run in _RUN.finditer(word):
        if run.start() > at:
            pieces.append(_show_quoted(word[at : run.start()]))
        pieces.append(f"{_show_quoted(run.group(1))}*{run.end() - run.start()}")
        at = run.end()
    if at < len(word) or not pieces:
        pieces.append(_show_quoted(word[at:]))
    return "+".join(pieces)


def _show_quoted(text: bytes) -> str:
    if len(text) > LONG_TEXT:
        half = LONG_TEXT // 2
        left_out = f"<{len(text) - 2 * half} bytes more>"
        return _show_quoted(text[:half]) + left_out + _show_quoted(text[-half:])
    return '"' + "".join(map(_show_byte, text)) + '"'


def _show_byte(byte: int) -> str:
    if byte in _NAMED:
        return _NAMED[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"


def show_line(words: list[Word]) -> str:
    """The words as one line."""
    return " ".join(f'~"{word.text}"' if isinstance(word, Pattern) else show(word) for word in words)

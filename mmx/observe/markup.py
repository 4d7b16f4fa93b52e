"""HTML and SVG put together so that nothing gets in unescaped.

`tag` makes an element of parts; a part that is not itself made by `tag` (or `lines`) is text and is escaped.
So a page holds only elements that its code names, whatever the texts in it say.

    tag("a", "R&D", href="#x", class_="far")  ->  <a href="#x" class="far">R&amp;D</a>
"""

import html
import re
from typing import Final

_VOID: Final = frozenset({"meta", "link", "br"})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Part = Markup | str | int | None


def tag(name: str, /, *parts: Part, **attributes: str | float | None) -> Markup:
    """An element. Attributes that Python has a word for end in `_`, other `_` stand for `-`."""
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{head}>")
    return Markup(f"<{name}{head}>{''.join(_text(part) for part in parts)}</{name}>")


def lines(*parts: Part) -> Markup:
    """Parts below each other; what is empty is left out."""
    return Markup("".join(f"\n{_text(part)}" for part in parts if part is not None and part != "") + "\n")


def _text(part: Part) -> str:
    if part is None:
        return ""
    return part if isinstance(part, Markup) else html.escape(_CONTROL.sub("?", str(part)))


def _attribute(value: str | float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return html.escape(_CONTROL.sub("?", text))

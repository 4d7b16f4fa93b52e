"""Tables of the status page. `align` says to a text browser what the style sheet says to the others."""

from mmx.observe.markup import Markup, Part, lines, tag
from mmx.observe.wording import number

FIGURES = ("Count", "Took")
"""Headings of columns of numbers."""


def row(*cells: Markup) -> Markup:
    """One row."""
    return tag("tr", *cells)


def heading(text: str) -> Markup:
    """What a row is about."""
    return tag("th", text, scope="row", align="left")


def cell(*parts: Part, class_: str | None = None) -> Markup:
    """Anything but a number."""
    return tag("td", *parts, class_=class_)


def figure(text: str | int) -> Markup:
    """A number, below others."""
    return tag("td", number(text) if isinstance(text, int) else text, class_="count", align="right")


def columns(*headings: str) -> Markup:
    """The head of a table."""
    return tag("thead", tag("tr", *(_column(text) for text in headings)))


def _column(text: str) -> Markup:
    if text in FIGURES:
        return tag("th", text, scope="col", class_="count", align="right")
    return tag("th", text, scope="col", align="left") if text else tag("td")


def table(kind: str, caption: str, *parts: Markup | str) -> Markup:
    """A table with a caption, of a head and rows."""
    *head, rows = parts
    return tag("table", lines(tag("caption", caption), *head, tag("tbody", rows)), class_=kind)


def scrolling(caption: str, headings: tuple[str, ...], rows: list[Markup]) -> Markup:
    """A table that scrolls by itself where the screen is too narrow."""
    whole = tag("table", lines(columns(*headings), tag("tbody", lines(*rows))))
    return tag("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)

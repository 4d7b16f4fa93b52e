"""Elements: what is text stays text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.observe.markup import Markup, lines, tag


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (tag("p", "a < b & c"), "<p>a &lt; b &amp; c</p>"),
        (tag("p", tag("b", "x"), " y", 3, None), "<p><b>x</b> y3</p>"),
        (tag("a", "x", href='#"><script>'), '<a href="#&quot;&gt;&lt;script&gt;">x</a>'),
        (
            tag("td", class_="count", aria_label="n", width=1.5, id=None),
            '<td class="count" aria-label="n" width="1.5"></td>',
        ),
        (tag("meta", name="a", content="b"), '<meta name="a" content="b">'),
        (tag("p", "a\x1b[2J\x00"), "<p>a?[2J?</p>"),
        (lines("<", tag("b"), None, "", ">"), "\n&lt;\n<b></b>\n&gt;\n"),
    ],
)
def test_elements(made: Markup, text: str) -> None:
    assert made == text


class Read(HTMLParser):
    """What a browser finds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_no_text_becomes_an_element(text: str, value: str) -> None:
    read = Read(tag("p", text, title=value))
    assert read.tags == ["p"]
    assert set(read.attributes) == {"title"}
    assert len(read.text) == len(text)

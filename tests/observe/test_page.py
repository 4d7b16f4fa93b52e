"""The document: what is on it, that it is sound, and that no text of others gets out of its place."""

from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmx.observe.history import ChildError, ChildView, Decision, HistoryView, Reload
from mmx.observe.page import page
from mmx.observe.status import DOWN, ChildStatus, Status
from tests.observe.example import NOW, status

VOID = {"meta", "link", "br"}


class Document(HTMLParser):
    """Elements, attributes and text; complains of what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


def test_what_is_on_it() -> None:
    text = Document(page(status())).text
    for expected in (
        "clamav-milter has been down for 5 min 12 s",
        "rspamd is slow",
        "up 2 d 7 h",
        "unix:/var/spool/postfix/mmx/mmx.sock",
        "Messages since the start: 402",
        "Open sessions, of 16\u202f000: 11",
        "Spool: 3.3 MiB of 4.0 GiB",
        "80 older ones",
        "limits.backlog: 0: out of bounds",
        "its unit is disabled",
        "nobody signs after it",
        "# default",
    ):
        assert expected in text


def test_it_is_sound() -> None:
    document = Document(page(status()))
    ids = document.values("id")
    assert len(ids) == len(set(ids))
    fragments = {href[1:] for href in document.values("href") if href.startswith("#")}
    assert fragments == {f"child-{child.name}" for child in status().children}
    assert fragments <= set(ids)
    assert set(document.values("aria-labelledby")) <= set(ids)
    assert document.tags["h1"] == 1
    assert document.tags["title"] == 1


def test_a_browser_need_not_trust_it() -> None:
    """Nothing that the Content-Security-Policy of every response would refuse."""
    document = Document(page(status()))
    assert {"script", "style", "img", "form", "iframe", "object"} & set(document.tags) == set()
    names = {name for name, _ in document.attributes}
    assert "style" not in names
    assert not any(name.startswith("on") for name in names)
    assert all(href.startswith(("/", "#")) for href in document.values("href"))


def test_when_all_is_well() -> None:
    quiet = Status(NOW, NOW - 60, "0.1", children=(ChildStatus("a", "unix:/a", state="up"),), max_sessions=1)
    text = Document(page(quiet)).text
    assert "mmx: all is well" in text
    assert "All is well: 1 child is up." in text
    assert "None yet." in text
    assert "Not in the chain" not in text


def test_addresses_have_columns_only_if_they_are_kept() -> None:
    decision = Decision(NOW, "s", "4X", "accept", "", "", 0.1)
    shown = replace(decision, client="mail.example.net[192.0.2.7]", sender="<a@example.net>")
    for one, columns in ((decision, False), (shown, True)):
        text = Document(page(replace(status(), history=HistoryView(decisions=(one,))))).text
        assert ("Sender" in text) is columns
        assert ("<a@example.net>" in text) is columns


@pytest.mark.parametrize("renews", [False, True])
def test_it_renews_itself_only_when_asked(renews: bool) -> None:
    document = Document(page(status(), renews=renews))
    assert ("refresh" in document.values("http-equiv")) is renews
    assert ("/?renew" in document.values("href")) is not renews


def hostile(text: str) -> Status:
    """A status in which every text is this one."""
    error = ChildError(NOW, text, text, text, text)
    view = ChildView({text: 1}, {text: 2}, {text: 3}, (error,))
    child = ChildStatus(text, text, text, DOWN, text, NOW, text, text, history=view)
    history = HistoryView(
        {text: 1},
        {text: view},
        (Decision(NOW, text, text, text, text, text, 0.1, text, text),),
        (Reload(NOW, False, text),),
    )
    return Status(
        NOW, NOW, text, (text,), (child,), ((text, text),), {text: 1},
        settings_path=text, warnings=(text,), settings_text=text, history=history,
    )  # fmt: skip


SOUND = Document(page(hostile("x")))


@settings(max_examples=25)
@given(
    st.text(min_size=1)
    | st.sampled_from(["<script>", '"><b onclick="x">', "</pre></body>", "&lt;b&gt;", "'"])
)
def test_no_text_changes_the_document(text: str) -> None:
    document = Document(page(hostile(text.replace("\n", " ").replace("\r", " ") or "x")))
    rest = Counter(SOUND.tags)
    rest.subtract(document.tags)
    # A text without any line has no line in the list of reloads.
    assert {tag for tag, count in rest.items() if count} <= {"div"}
    assert {name for name, _ in document.attributes} == {name for name, _ in SOUND.attributes}


def test_it_stays_small() -> None:
    assert len(page(status()).encode()) < 100_000

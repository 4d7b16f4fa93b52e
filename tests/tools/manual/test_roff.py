"""The writer of manual pages."""

import pytest

from mmx.tools.manual.roff import Page, bold, escape, inline, italic


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        ("plain words", "plain words"),
        (r"back\slash", r"back\eslash"),
        ("--option", r"\-\-option"),
        ("it's `so` ^ ~", r"it\(aqs \(gaso\(ga \(ha \(ti"),
        ("two\nlines", "two lines"),
        ("µs", r"\[u00B5]s"),
        ("\U0001f4eb", r"\[u1F4EB]"),
    ],
)
def test_text_looks_like_itself(text: str, roff: str) -> None:
    assert escape(text) == roff


def test_fonts_end_where_they_began() -> None:
    assert bold("-v") == r"\fB\-v\fR"
    assert italic("FILE") == r"\fIFILE\fR"


@pytest.mark.parametrize(
    ("markdown", "roff"),
    [
        ("see `a-b` there", r"see \fBa\-b\fR there"),
        ("**Never** so", r"\fBNever\fR so"),
        ("**with `code`**", r"\fBwith code\fR"),
        ("it is *unknown*", r"it is \fIunknown\fR"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("`*@example.com` and *", r"\fB*@example.com\fR and *"),
        ("[Limits](limits.md) and [`mmx status`](a.md#b)", r"Limits and \fBmmx status\fR"),
        ("[1] is no link", "[1] is no link"),
    ],
)
def test_markdown_of_a_paragraph(markdown: str, roff: str) -> None:
    assert inline(markdown) == roff


def written(page: Page) -> list[str]:
    return page.text().splitlines()[4:]


def test_a_page_begins_with_its_title() -> None:
    page = Page("mmx-status", 8, "2026-11-02", "mmx 1.0")
    assert page.text().splitlines()[0] == r'.TH "MMX\-STATUS" "8" "2026-11-02" "mmx 1.0"'


def test_parts_of_a_page() -> None:
    page = Page("p", 5, "2026-11-02", "p")
    page.section("Names of `things`")
    page.paragraph("one")
    page.paragraph("two")
    page.subsection("more")
    page.entry(r"\fBkey\fR", "", "what", "why")
    page.item("1.", "first")
    assert written(page) == [
        *('.SH "NAMES OF THINGS"', "one", ".PP", "two", '.SS "more"'),
        *(".TP", r"\fBkey\fR", "what", ".br", "why", '.IP "1." 4', "first"),
    ]


def test_no_line_is_a_request_by_chance() -> None:
    page = Page("p", 5, "2026-11-02", "p")
    page.paragraph(escape(".TH and 'quoted'"))
    page.verbatim([".so /etc/passwd", "", "'x", "  kept  as is"])
    assert written(page) == [
        *(r"\&.TH and \(aqquoted\(aq", ".PP", ".RS 4", ".EX"),
        *(r"\&.so /etc/passwd", r"\&", r"\(aqx", "  kept  as is", ".EE", ".RE"),
    ]


def test_text_is_filled_and_a_long_tag_goes_on() -> None:
    page = Page("p", 5, "2026-11-02", "p")
    page.paragraph(escape("word " * 40))
    page.entry("tag " * 40, "meaning")
    lines = written(page)
    assert max(map(len, lines)) <= 80
    assert [line[-1] for line in lines if line.startswith("tag")] == ["\\", "\\", "g"]

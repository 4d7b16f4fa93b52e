import pytest

from mmx.detect.keyword_file import example_line, read_keyword
from mmx.detect.lines import Value
from mmx.settings.catalog import Grammar

KEYWORD = [
    (b"Socket local:/run/a", ("local:/run/a", 1)),
    (b"Syslog yes\nSocket\t\t\tinet:8891@localhost # here", ("inet:8891@localhost", 2)),
    (b"  socket   /run/a  ", ("/run/a", 1)),
    (b"Socket /run/a\nSocket /run/b\n#Socket /run/c", ("/run/b", 2)),
    (b'Socket "/run/a"', ("/run/a", 1)),
    (b"Socket /run/a\r\n", ("/run/a", 1)),
    (b"\xffcaf\xe9 x\nSocket /run/a", ("/run/a", 2)),
    (b"#Socket /run/a", None),
    (b"Socket\nSocket #none", None),
    (b"SocketGroup x\nMySocket y", None),
    (b"", None),
]
EQUALS = [
    (b"Socket = inet:8893@localhost", ("inet:8893@localhost", 1)),
    (b"debugLevel = 1\nSocket=local:/run/a#b", ("local:/run/a", 2)),
    (b"#Socket = x\nSocket =", None),
    (b"Socket inet:8893@localhost", None),
]
CLAMAV = [
    (b"MilterSocket /run/a#b", ("/run/a#b", 1)),
    (b'MilterSocket "inet:7357@127.0.0.1"', ("inet:7357@127.0.0.1", 1)),
    (b"  #MilterSocket /run/a\nMilterSocketMode 666", None),
]


@pytest.mark.parametrize(
    ("grammar", "keyword", "data", "value"),
    [
        *((Grammar.KEYWORD, "Socket", *row) for row in KEYWORD),
        *((Grammar.EQUALS, "Socket", *row) for row in EQUALS),
        *((Grammar.CLAMAV, "MilterSocket", *row) for row in CLAMAV),
    ],
)
def test_values(grammar: Grammar, keyword: str, data: bytes, value: tuple[str, int] | None) -> None:
    assert read_keyword(data, keyword, grammar) == (None if value is None else Value(*value))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"# Comment or remove the line below.\nExample\n", 2),
        (b"  Example # yes", 1),
        (b"#Example\nExamples x\n", None),
    ],
)
def test_example(data: bytes, line: int | None) -> None:
    assert example_line(data) == line

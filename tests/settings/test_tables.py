"""Files of networks and names."""

import os
from pathlib import Path

import pytest

from mmx.errors import SettingsError
from mmx.settings import tables
from mmx.settings.load import load
from mmx.settings.model import TableFile
from mmx.settings.tables import parse_table


def rows(kind: str, text: str) -> list[tuple[str, bool]]:
    entries, problems = parse_table(kind, "t", text.encode())
    assert problems == []
    return entries


def faults(kind: str, data: bytes) -> list[str]:
    return [str(problem) for problem in parse_table(kind, "t", data)[1]]


def test_one_entry_a_line() -> None:
    text = "# comment\n\nexample.com\n  .example.org # why\n\t\n#x\nmail*.example.net\r\n"
    assert rows("domains", text) == [
        (name, True) for name in ("example.com", ".example.org", "mail*.example.net")
    ]
    assert rows("addresses", "a#b@c\n<>\n") == [("a#b@c", True), ("<>", True)]
    assert rows("domains", "") == []


def test_a_cidr_table_of_postfix() -> None:
    text = "192.0.2.7 DUNNO\n192.0.2.0/24\tREJECT you know why\n2001:db8::/32 dunno # not\n198.51.100.1\n"
    assert rows("networks", text) == [
        ("192.0.2.7/32", False),
        ("192.0.2.0/24", True),
        ("2001:db8::/32", False),
        ("198.51.100.1/32", True),
    ]


@pytest.mark.parametrize(
    ("kind", "line", "fault"),
    [
        (
            "networks",
            b"192.0.2.1/24",
            "192.0.2.1/24: no network: 192.0.2.1/24 has host bits set; write an address",
        ),
        (
            "networks",
            b"!192.0.2.0/24 OK",
            "!192.0.2.0/24 OK: this syntax of Postfix's cidr tables is not read",
        ),
        ("networks", b"if 192.0.2.0/24", "if 192.0.2.0/24: this syntax of Postfix's cidr tables is not read"),
        ("networks", b"endif", "endif: this syntax of Postfix's cidr tables is not read"),
        ("networks", b" OK", "OK: begins with a blank: Postfix would join it to the line before"),
        ("domains", b"example.com OK", "example.com OK: more than one word; write one entry a line"),
        ("domains", b"a@b", "a@b: an address, where a name is wanted"),
        ("domains", b"\xff", "not UTF-8; save the file as UTF-8"),
        ("addresses", b"example.com", "example.com: no address; write LOCAL@DOMAIN"),
        ("addresses", b"\x1b[2J", "?[2J: no address"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(kind: str, line: bytes, fault: str) -> None:
    (only,) = faults(kind, b"# one\n" + line + b"\n")
    assert only.startswith(f"t:2: {fault}")


def test_only_the_first_faults_are_told() -> None:
    assert len(faults("networks", b"x\n" * 1000)) == 20


def test_the_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ENTRIES", 3)
    assert faults("domains", b"a\nb\nc\n") == []
    assert faults("domains", b"a\nb\nc\nd\ne\n") == [
        "t:4: d: more than 3 entries; split the file, or the condition"
    ]


def test_the_number_of_patterns_is_bounded() -> None:
    """Names are looked up, patterns tried one by one."""
    looked_up = "".join(f"*.example{number}.com\n" for number in range(2000))
    assert len(rows("domains", looked_up)) == 2000
    tried = "".join(f"a*.example{number}.com\n" for number in range(2000)).encode()
    (only,) = faults("domains", tried)
    assert only.startswith("t:1001: a*.example1000.com: more than 1000 patterns with wildcards; write names")


def test_a_file_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "networks").symlink_to(tmp_path / "networks")
    (tmp_path / "domains").write_text("example.com\n")
    (only,) = problems(write(tmp_path))
    assert f"conditions.x: file:{tmp_path}/networks: cannot be read: Too many levels" in only


SETTINGS = """
detect: no
children: {{a: {{endpoint: "unix:/run/a", when: [x]}}}}
conditions:
  x: {{client: "file:{0}/networks"}}
  y: {{not: {{any: [x, {{client: [10.0.0.0/8, "file:{0}/networks"]}}]}}}}
trusted_domains: ["file:{0}/domains"]
s25r: {{allow: ["file:{0}/domains"], deny: [b.example]}}
local_networks: [192.0.2.0/24]
"""


def write(directory: Path) -> Path:
    path = directory / "mmx.yaml"
    path.write_text(SETTINGS.format(directory))
    return path


def test_files_are_read_with_the_settings(tmp_path: Path) -> None:
    (tmp_path / "networks").write_text("192.0.2.0/24\n")
    (tmp_path / "domains").write_text("example.com\n")
    path = write(tmp_path)
    first = load(path).settings
    assert set(first.tables) == {
        TableFile("networks", f"{tmp_path}/networks", (("192.0.2.0/24", True),)),
        TableFile("domains", f"{tmp_path}/domains", (("example.com", True),)),
    }
    (tmp_path / "domains").write_text("example.org\n")
    assert load(path).settings != first


def test_one_file_may_hold_networks_or_names_but_is_read_as_what_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "networks").write_text("192.0.2.0/24 OK\n")
    (tmp_path / "domains").symlink_to(tmp_path / "networks")
    with pytest.raises(SettingsError, match=r"domains:1: .* more than one word"):
        load(write(tmp_path))


def problems(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_that_is_missing_is_an_error_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "networks").mkdir()
    os.mkfifo(tmp_path / "domains")
    assert problems(write(tmp_path)) == [
        f"{tmp_path}/mmx.yaml:5: conditions.x: file:{tmp_path}/networks: no regular file; name a file",
        f"{tmp_path}/mmx.yaml:7: trusted_domains: file:{tmp_path}/domains: no regular file; name a file",
    ]
    (tmp_path / "networks").rmdir()
    (tmp_path / "domains").unlink()
    (tmp_path / "domains").write_bytes(b"example.com\n" * 1_000_000)
    missing, large = problems(write(tmp_path))
    assert missing.startswith(
        f"{tmp_path}/mmx.yaml:5: conditions.x: file:{tmp_path}/networks: cannot be read: No"
    )
    assert large.endswith(f"yaml:7: trusted_domains: file:{tmp_path}/domains: larger than 8 MiB; split it")


def test_a_fault_in_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "networks").write_text("192.0.2.0/24\nx\n")
    (tmp_path / "domains").write_text("example.com\n")
    (only,) = problems(write(tmp_path))
    assert only.startswith(f"{tmp_path}/networks:2: x: no network: ")

from collections.abc import Callable

import pytest

from mmx.settings import values
from mmx.settings.document import Node, read_document
from mmx.settings.endpoint import InetEndpoint, UnixEndpoint
from mmx.settings.model import Action


def node(text: str) -> Node:
    table, problems = read_document("a.yaml", f"k: {text}".encode())
    assert problems == []
    return table.entries["k"]


READERS: dict[str, Callable[[Node], object]] = {
    "text": values.text,
    "boolean": values.boolean,
    "integer": values.integer(1, 4096),
    "duration": values.duration(0.5),
    "size": values.size,
    "mode": values.mode,
    "endpoint": values.endpoint,
    "address": values.address,
    "directory": values.directory,
    "name": values.name,
    "macro": values.macro,
    "choice": values.choice(Action),
    "nullable": values.nullable(values.size),
    "list_of": values.list_of(values.size),
    "one_or_list_of": values.one_or_list_of(values.size),
}

GOOD: list[tuple[str, str, object]] = [
    ("text", "word", "word"),
    ("text", '"660"', "660"),
    ("text", '"no"', "no"),
    ("boolean", "yes", True),
    ("boolean", "Off", False),
    ("boolean", "TRUE", True),
    ("integer", "4096", 4096),
    ("duration", "500ms", 0.5),
    ("duration", '"365d"', 365 * 86400),
    ("size", "1B", 1),
    ("mode", '"0660"', 0o660),
    ("endpoint", "unix:/run/a", UnixEndpoint("/run/a")),
    ("address", "127.0.0.1:9850", InetEndpoint("127.0.0.1", 9850)),
    ("directory", "/var/lib/mmx", "/var/lib/mmx"),
    ("name", "milter-greylist", "milter-greylist"),
    ("macro", "_", "_"),
    ("macro", '"{auth_type}"', "{auth_type}"),
    ("choice", "quarantine", Action.QUARANTINE),
    ("nullable", "null", None),
    ("nullable", "", None),
    ("nullable", "1KiB", 1024),
    ("list_of", "[]", ()),
    ("list_of", "[1KiB, 2KiB]", (1024, 2048)),
    ("one_or_list_of", "1KiB", (1024,)),
    ("one_or_list_of", "[1KiB, 2KiB]", (1024, 2048)),
]

BAD = [
    ("text", "no", "no: YAML reads this as bool; put it in quotes"),
    ("text", "0660", "0660: YAML reads this as int; put it in quotes"),
    ("text", "2026-01-01", "2026-01-01: YAML reads this as timestamp; put it in quotes"),
    ("text", "", ": the value is missing; write one, or remove the key"),
    ("text", '""', ": the value is empty; write one, or remove the key"),
    ("text", '"a\\nb"', "a\nb: a control character in the value; remove it"),
    ("text", "[a]", "a list: a single value is wanted here; write KEY: VALUE"),
    ("boolean", '"yes"', "yes: neither yes nor no; write yes or no, without quotes"),
    ("boolean", "1", "1: neither yes nor no; write yes or no, without quotes"),
    ("integer", "0", "0: out of bounds; write a number from 1 to 4096"),
    ("integer", "010", "010: not a whole decimal number; write a number from 1 to 4096"),
    ("integer", "1:30", "1:30: not a whole decimal number; write a number from 1 to 4096"),
    ("integer", "1_000", "1_000: not a whole decimal number; write a number from 1 to 4096"),
    ("integer", '"5"', "5: not a whole decimal number; write a number from 1 to 4096"),
    ("integer", "2.0", "2.0: not a whole decimal number; write a number from 1 to 4096"),
    ("duration", "30", "30: a duration needs its unit; write a whole number and one of the units "),
    ("duration", "1:30", "1:30: not a duration; write a whole number and one of the units "),
    ("duration", "0.5", "0.5: not a duration; write a whole number and one of the units "),
    ("duration", "499ms", "499ms: out of bounds; write a duration from 500ms to 365d"),
    ("duration", "366d", "366d: out of bounds; write a duration from 500ms to 365d"),
    ("duration", "no", "no: YAML reads this as bool; put it in quotes"),
    ("size", "65536", "65536: a size needs its unit; write a whole number and one of the units "),
    ("size", "0B", "0B: out of bounds; write a size of at least 1B"),
    ("mode", "0660", '0660: a mode without quotes, which YAML takes for another number; write it as "0660"'),
    ("mode", "660", '660: a mode without quotes, which YAML takes for another number; write it as "0660"'),
    ("mode", '"0999"', '0999: no file mode; write three octal digits in quotes, such as "0660"'),
    ("endpoint", "/run/a", "/run/a: a path alone is no endpoint; write unix:/run/a"),
    ("address", "9850", "9850: YAML reads this as int; put it in quotes"),
    ("directory", "spool", "spool: not an absolute path; write it from the root on"),
    ("name", "a b", "a b: not usable as a name; use 1 to 64 letters, "),
    (
        "macro",
        "auth_type",
        'auth_type: no macro name; write one letter, or a longer name in braces: "{auth_type}"',
    ),
    ("choice", "acept", "acept: not a word for this; write one of accept, tempfail, reject, "),
    ("list_of", "1KiB", "1KiB: a list is wanted here; write [ONE, ANOTHER], or one a line behind dashes"),
    ("list_of", "", ": a list is wanted here; write [ONE, ANOTHER], or one a line behind dashes"),
    ("one_or_list_of", "[]", "a list: an empty list; write at least one value"),
]


@pytest.mark.parametrize(("reader", "text", "value"), GOOD)
def test_good_values(reader: str, text: str, value: object) -> None:
    assert READERS[reader](node(text)) == value


@pytest.mark.parametrize(("reader", "text", "said"), BAD)
def test_bad_values_say_what_to_write(reader: str, text: str, said: str) -> None:
    with pytest.raises(values.RefusedError) as caught:
        READERS[reader](node(text))
    (fault,) = caught.value.faults
    assert f"{fault.value}: {fault.message}; {fault.remedy}".startswith(said)
    assert fault.place.line == 1


def test_every_reader_has_a_good_and_a_bad_value() -> None:
    assert {reader for reader, _, _ in GOOD} == set(READERS)
    assert {reader for reader, _, _ in BAD} == set(READERS) - {"nullable"}


def test_all_faults_of_a_list_are_told() -> None:
    with pytest.raises(values.RefusedError) as caught:
        values.list_of(values.size)(node("[1, 2KiB, x]"))
    assert [fault.value for fault in caught.value.faults] == ["1", "x"]


@pytest.mark.parametrize(
    ("word", "remedy"),
    [("opendkin", "did you mean opendkim?"), ("zzz", "known are opendkim, rspamd")],
)
def test_did_you_mean(word: str, remedy: str) -> None:
    assert values.did_you_mean(word, {"rspamd", "opendkim"}) == remedy


def test_did_you_mean_without_anything_known() -> None:
    assert values.did_you_mean("x", ()) == "remove it"

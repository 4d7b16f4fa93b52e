import pytest

from mmx.settings.conditions import condition, when_word, zone
from mmx.settings.document import Node, read_document
from mmx.settings.model import Condition
from mmx.settings.values import RefusedError


def node(text: str) -> Node:
    table, problems = read_document("a.yaml", f"k: {text}".encode())
    assert problems == []
    return table.entries["k"]


CLIENT = Condition("client", ("192.0.2.0/24",))


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("remote", Condition("named", ("remote",))),
        ("{client: 192.0.2.0/24}", CLIENT),
        ("{client: [192.0.2.1, '2001:DB8::/32']}", Condition("client", ("192.0.2.1/32", "2001:db8::/32"))),
        ('{sender_domain: ["*.example.com"]}', Condition("sender_domain", ("*.example.com",))),
        ("{size_above: 10MiB}", Condition("size_above", ("10485760",))),
        ('{header: {X-Spam: "Y*"}}', Condition("header", ("X-Spam", "Y*"))),
        (
            "{header: {A: b, C: [d, e]}}",
            Condition("all", parts=(Condition("header", ("A", "b")), Condition("header", ("C", "d", "e")))),
        ),
        ("{client: 192.0.2.0/24, helo: x}", Condition("all", parts=(CLIENT, Condition("helo", ("x",))))),
        (
            "{any: [{client: 192.0.2.0/24}, remote]}",
            Condition("any", parts=(CLIENT, Condition("named", ("remote",)))),
        ),
        ("{not: {client: 192.0.2.0/24}}", Condition("not", parts=(CLIENT,))),
        ("{listener: submission}", Condition("listener", ("submission",))),
        ("mine", Condition("named", ("mine",))),
        ('"not  mine"', Condition("not", parts=(Condition("named", ("mine",)),))),
        (
            "{client: ['[::1]', 'file:/etc/mmx/networks']}",
            Condition("client", ("::1/128", "file:/etc/mmx/networks")),
        ),
        ("{sender: [<>, a@b, '*@c']}", Condition("sender", ("<>", "a@b", "*@c"))),
        ("{every_recipient_domain: .example.com}", Condition("every_recipient_domain", (".example.com",))),
        ('{macro: {"{auth_type}": "PLAIN"}}', Condition("macro", ("{auth_type}", "PLAIN"))),
        ('{macro: {j: "a*"}}', Condition("macro", ("j", "a*"))),
        ("{dnsbl: zen.example.org}", Condition("dnsbl", ("zen.example.org",))),
        (
            "{dnsbl: ['zen.example.org=127.0.0.[2..11]', b.example.org]}",
            Condition("dnsbl", ("zen.example.org=127.0.0.[2..11]", "b.example.org")),
        ),
    ],
)
def test_conditions(text: str, meaning: Condition) -> None:
    assert condition(["mine"])(node(text)) == meaning


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("remot", [("", "no such condition", "did you mean remote?")]),
        ('"not remot"', [("", "no such condition", "did you mean remote?")]),
        ("a b c", [("", "not the name of a condition", 'write NAME or "not NAME"')]),
        ("{macro: {auth_type: x}}", [("macro.auth_type", "no macro name", "write one letter, or")]),
        (
            '{macro: {"{rcpt_addr}": x}}',
            [("macro.{rcpt_addr}", "{rcpt_addr} is about one", "write recipient")],
        ),
        ("{dnsbl: 127.0.0.1}", [("dnsbl", "an address, no DNS zone", "write ZONE")]),
        ("{sender: example.com}", [("sender", "no address", "write LOCAL@DOMAIN")]),
        ("{client: file:x}", [("client", "a file without an absolute path", "write file:/PATH")]),
        ("{}", [("", "a condition without a test", "write one of all, any, not, ")]),
        ("{clients: x}", [("clients", "unknown test", "did you mean client?")]),
        (
            "{client: 192.0.2.1/24}",
            [("client", "no network: 192.0.2.1/24 has host bits set", "write an address")],
        ),
        ("{any: remote}", [("any", "a list of conditions is wanted here", "write any: [ONE, ANOTHER]")]),
        ("{all: []}", [("all", "a list of conditions is wanted here", "write all: [ONE, ANOTHER]")]),
        ("{header: x}", [("header", "a map of headers is wanted here", 'write {HEADER: "GLOB"}')]),
        ('{header: {"A:": x}}', [("header.A:", "'A:' is no header name", "write it without its colon")]),
        ("{size_above: 5}", [("size_above", "a size needs its unit", "write a whole number")]),
        ("[remote]", [("", "a single value is wanted here", "write KEY: VALUE")]),
        (
            "{any: [{client: x}, {helo: 1}], sender: []}",
            [
                ("any.client", "no network: 'x' does not appear", "write an address"),
                ("any.helo", "YAML reads this as int", "put it in quotes"),
                ("sender", "an empty list", "write at least one value"),
            ],
        ),
    ],
)
def test_no_conditions(text: str, faults: list[tuple[str, str, str]]) -> None:
    with pytest.raises(RefusedError) as caught:
        condition()(node(text))
    assert len(caught.value.faults) == len(faults)
    for fault, (key, message, remedy) in zip(caught.value.faults, faults, strict=True):
        assert fault.key == key
        assert fault.message.startswith(message)
        assert fault.remedy.startswith(remedy)


@pytest.mark.parametrize(("text", "word"), [("remote", "remote"), ("'not   remote'", "not remote")])
def test_when_words(text: str, word: str) -> None:
    assert when_word(node(text)) == word


def test_a_zone_stays_as_it_is_written() -> None:
    assert zone(node("Zen.Example.ORG.")) == "Zen.Example.ORG."


@pytest.mark.parametrize("text", ["a b", "not a b", "' '", "[a]"])
def test_no_when_words(text: str) -> None:
    with pytest.raises(RefusedError):
        when_word(node(text))

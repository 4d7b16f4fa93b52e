"""Hand-written differential scripts: every kind of edit, header indexes, folding, bodies."""

from collections.abc import Iterator

from tests.integration import scripted_child as bits
from tests.integration.scripted_child import ChildScript, Packet
from tests.integration.scripts import (
    Script,
    add,
    add_recipient,
    change,
    change_sender,
    content,
    delete_recipient,
    edits,
    insert,
    key,
    message,
    quarantine,
    replace_body,
    session,
)

SEEING = ChildScript(protocol=bits.HDR_LEADSPC)
PLAIN_SEEING = ChildScript()
# The header block of the worked examples: a Received of the client's, and X-K three times in two spellings.
EXAMPLE = (
    "Received: from client.example\r\n\tby relay.example; Sun, 05 Jul 2026 10:00:00 +0000\r\n"
    "From: <author@sender.test>\r\nTo: <r1@rcpt.test>\r\nSubject: example\r\n"
    "Date: Mon, 06 Jul 2026 10:00:00 +0000\r\nMessage-Id: <m1@sender.test>\r\n"
    "X-K: one\r\nX-k: two\r\nX-K: three\r\n\r\nbody\r\n"
)
EXAMPLE_SESSION = session(message(text=EXAMPLE))
TWO_RECIPIENTS = session(message(recipients=("r1@rcpt.test", "r2@rcpt.test")), message("m2"))

HEADER_EDITS: dict[str, tuple[Packet, ...]] = {
    "example-1-inserts": (
        insert(0, "I0", "a"),
        insert(1, "I1", "b"),
        insert(2, "I2", "c"),
        insert(99, "I99", "d"),
        add("A", "e"),
    ),
    "example-2-changes": (
        change(2, "x-K", "TWO"),
        change(0, "X-K", "ONE0"),
        change(3, "X-K", ""),
        change(9, "X-K", "nine"),
        change(1, "Nope", ""),
        change(1, "Received", "changed"),
    ),
    "example-3-received": (
        insert(0, "Received", "inserted"),
        change(1, "Received", "CH1"),
        change(2, "Received", "CH2"),
    ),
    "example-4-delete-then-change": (change(1, "X-K", ""), change(1, "X-K", "now-first")),
    "insert-at-every-index": tuple(insert(index, f"X-I{index}", "v") for index in range(14)),
    "insert-at-the-largest-index": (insert(0xFFFFFFFF, "X-I", "v"), insert(0x80000000, "X-J", "v")),
    "change-at-the-largest-index": (change(0xFFFFFFFF, "X-K", "v"), change(0x80000000, "X-K", "")),
    "delete-all-of-one-name": (
        change(1, "X-K", ""),
        change(1, "x-k", ""),
        change(1, "X-K", ""),
        change(1, "X-K", ""),
    ),
    "delete-backwards": (change(3, "X-K", ""), change(2, "X-K", ""), change(1, "X-K", "")),
    "rename-by-change": (change(1, "SUBJECT", "shouted"), change(2, "subject", "appended")),
    "delete-date-and-message-id": (change(1, "Date", ""), change(1, "Message-Id", "")),
    "folding": (
        add("X-1", "a\n\tb"),
        add("X-2", "a\n b"),
        add("X-3", "a\nb"),
        add("X-4", "a\r\n\tb"),
        add("X-5", "a\n"),
        insert(1, "X-6", "a\n\n\tb"),
        change(1, "Subject", "s\n\tt\nu"),
    ),
    "spaces": (
        add("X-1", " one"),
        add("X-2", "\ttab"),
        add("X-3", ""),
        insert(1, "X-4", "  two"),
        change(1, "X-K", " x"),
        add("X-5", "end "),
    ),
    "8-bit": (add("X-1", "\xc3\xa9\xff"), change(1, "Subject", "\xfe"), insert(0, "X-2", "\x80")),
    "long": (add("X-1", "v" * 5000), insert(1, "X-2", "w" * 60000)),
}
BODIES: dict[str, tuple[str, ...]] = {
    "one": ("new\r\n",),
    "empty": ("",),
    "crlf-split": ("new\r", "\nend\r\n"),
    "line-feeds": ("a\nb\n",),
    "lone-cr": ("a\rb\r\n",),
    "no-end": ("a",),
    "chunks": ("a\r\n", "b\r\n", "", "c\r\n"),
    "full-chunks": ("a" * 65535, "b" * 65535, "\r\n"),
    "nul-and-8-bit": ("n\0ul\xff\r\n",),
    "dots": (".\r\n..\r\n.x\r\n",),
    "like-headers": ("X: y\r\n\r\nz\r\n",),
}
MESSAGE_TEXTS = {
    "no-headers": "\r\njust a body\r\n",
    "no-blank-line": content("").removesuffix("\r\n"),
    "nothing": "",
    "no-body": content(""),
    "one-empty-line": content("\r\n"),
    "dots": content(".\r\n..\r\n...x\r\n"),
    "nul": content("n\0ul\r\n\0\r\n"),
    "8-bit": content("\xe9\xff\xfe\r\n", headers="X-8: \xc3\xa9\r\n"),
    "no-end-of-line": content("last line"),
    "spaces-after-colon": content(
        headers="X-1:none\r\nX-2:  two\r\nX-3:\ttab\r\nX-4:\r\nX-5: \r\nX-6 : before\r\n"
    ),
    "folded": content(headers="X-1: a\r\n\tb\r\n  c\r\nX-2:\r\n folded at once\r\nX-3: a\r\n \r\n b\r\n"),
    "long-header": content(headers="X-1: " + "v" * 61000 + "\r\n"),
    "many-headers": content(headers="".join(f"X-{n}: {n}\r\n" for n in range(300))),
    "chunk-65535": content("a" * 65533 + "\r\n"),
    "chunk-65536": content("a" * 65534 + "\r\n"),
    "chunk-131070": content("a" * 65533 + "\r\n" + "b" * 65533 + "\r\n"),
    "200-kB": content(("line of text " * 5 + "\r\n") * 3000),
}


def cases() -> Iterator[Script]:
    """All scripts of this module."""
    yield from _headers()
    yield from _chains()
    yield from _bodies()
    yield from _envelope()
    yield from _message_texts()


def _headers() -> Iterator[Script]:
    for name, packets in HEADER_EDITS.items():
        for spacing, protocol in (("", 0), ("-leadspc", bits.HDR_LEADSPC)):
            child = ChildScript(protocol=protocol, replies={"eom": edits(*packets)})
            yield Script(f"headers-{name}{spacing}", (child, SEEING, PLAIN_SEEING), EXAMPLE_SESSION)
        child = ChildScript(replies={"eom": edits(*packets)})
        yield Script(f"headers-{name}-last", (SEEING, child), EXAMPLE_SESSION, pipelining="yes")


def _chain(name: str, *replies: tuple[Packet, ...], protocols: tuple[int, ...] = (0, 0, 0)) -> Script:
    children = tuple(
        ChildScript(protocol=protocol, replies={"eom": edits(*packets)})
        for packets, protocol in zip(replies, protocols, strict=False)
    )
    return Script(f"chain-{name}", children, EXAMPLE_SESSION)


def _chains() -> Iterator[Script]:
    """The worked examples with two and three editing children."""
    signature, results = (insert(1, "DKIM-Signature", "s"),), (insert(1, "Authentication-Results", "r"),)
    yield _chain("example-5-two-inserts", signature, results, ())
    yield _chain("example-6-insert-above", (insert(0, "X-A", "a"),), (insert(1, "X-B", "b"),), ())
    yield _chain("example-7-scrub-then-score", (change(1, "X-K", ""),), (change(2, "X-K", "scored"),), ())
    yield _chain("example-8-two-bodies", (replace_body("a"),), (replace_body("ab"),), ())
    yield _chain(
        "body-then-headers",
        (replace_body("a\r\n"), add("X-A", "a")),
        (add("X-B", "b"),),
        (insert(2, "X-C", "c"),),
    )
    yield _chain(
        "three-bodies",
        (replace_body("a\r\n"),),
        (replace_body("b\r\n"), replace_body("b2\r\n")),
        (replace_body(""),),
    )
    yield _chain(
        "all-insert-at-0", (insert(0, "X-A", "a"),), (insert(0, "X-B", "b"),), (insert(0, "X-C", "c"),)
    )
    yield _chain(
        "received", (insert(1, "Received", "a"),), (change(1, "Received", "b"),), (change(2, "Received", ""),)
    )
    yield _chain(
        "delete-what-was-added", (add("X-New", "n"),), (change(1, "x-new", ""),), (add("X-NEW", "again"),)
    )
    yield _chain(
        "change-what-was-inserted",
        (insert(1, "X-New", "n"),),
        (change(1, "X-New", "m"),),
        (change(1, "X-New", ""),),
    )
    leading = (bits.HDR_LEADSPC, 0, bits.HDR_LEADSPC)
    yield _chain(
        "mixed-spacing",
        (add("X-A", "none"),),
        (change(1, "X-A", "b"), add("X-B", "b")),
        (add("X-C", " c"),),
        protocols=leading,
    )
    yield _chain(
        "folding-seen-later", (add("X-A", "a\nb\n\tc"),), (insert(1, "X-B", "x\n y"),), (), protocols=leading
    )


def _bodies() -> Iterator[Script]:
    for name, chunks in BODIES.items():
        child = ChildScript(replies={"eom": edits(*(replace_body(chunk) for chunk in chunks))})
        yield Script(f"body-{name}", (child, PLAIN_SEEING), EXAMPLE_SESSION)
        mixed = edits(
            add("X-1", "1"), *(replace_body(chunk) for chunk in chunks), add_recipient("<r9@rcpt.test>")
        )
        yield Script(
            f"body-{name}-among-edits", (ChildScript(replies={"eom": mixed}), PLAIN_SEEING), EXAMPLE_SESSION
        )


def _envelope() -> Iterator[Script]:
    replies: dict[str, tuple[Packet, ...]] = {
        "add": (add_recipient("a@b.test"), add_recipient("<c@d.test>")),
        "add-duplicate": (
            add_recipient("<r1@rcpt.test>"),
            add_recipient("<n@b.test>"),
            add_recipient("<n@b.test>"),
        ),
        "add-null": (add_recipient("<>"),),
        "add-with-parameters": (
            add_recipient("<n@b.test>", "NOTIFY=NEVER"),
            add_recipient("<o@b.test>", ""),
            add_recipient("<p@b.test>", "X=1"),
        ),
        "delete": (delete_recipient("<r1@rcpt.test>"),),
        "delete-all": (delete_recipient("r1@rcpt.test"), delete_recipient("<r2@rcpt.test>")),
        "delete-unknown": (delete_recipient("<nobody@rcpt.test>"), delete_recipient("<R1@rcpt.test>")),
        "delete-then-add": (delete_recipient("<r1@rcpt.test>"), add_recipient("<r1@rcpt.test>")),
        "add-then-delete": (add_recipient("<n@b.test>"), delete_recipient("<n@b.test>")),
        "sender": (change_sender("<new@sender.test>"),),
        "sender-null": (change_sender("<>"),),
        "sender-twice": (change_sender("<one@sender.test>"), change_sender("two@sender.test")),
        "sender-with-parameters": (change_sender("<new@sender.test>", "RET=HDRS ENVID=q"),),
    }
    for name, packets in replies.items():
        child = ChildScript(replies={key("eom"): edits(*packets)})
        yield Script(f"envelope-{name}", (child, PLAIN_SEEING), TWO_RECIPIENTS)
        yield Script(f"envelope-{name}-of-the-last", (PLAIN_SEEING, child), TWO_RECIPIENTS)
    first = ChildScript(
        replies={key("eom"): edits(delete_recipient("<r1@rcpt.test>"), change_sender("<a@sender.test>"))}
    )
    second = ChildScript(
        replies={key("eom"): edits(add_recipient("<r1@rcpt.test>"), change_sender("<b@sender.test>"))}
    )
    yield Script("envelope-example-9", (first, second), TWO_RECIPIENTS)
    everything = edits(
        add("X-A", "a"),
        insert(1, "X-B", "b"),
        change(1, "Subject", "c"),
        add_recipient("<n@b.test>"),
        delete_recipient("<r2@rcpt.test>"),
        change_sender("<e@sender.test>"),
        quarantine("why"),
        replace_body("n\r\n"),
    )
    yield Script(
        "every-edit-at-once", (PLAIN_SEEING, ChildScript(replies={key("eom"): everything})), TWO_RECIPIENTS
    )


def _message_texts() -> Iterator[Script]:
    tagging = ChildScript(replies={"eom": edits(insert(1, "X-Top", "t"), add("X-End", "e"))})
    rewriting = ChildScript(protocol=bits.HDR_LEADSPC, replies={"eom": edits(replace_body("other\r\n"))})
    for name, text in MESSAGE_TEXTS.items():
        yield Script(f"text-{name}", (PLAIN_SEEING,), session(message(text=text)))
        yield Script(f"text-{name}-edited", (tagging, SEEING, PLAIN_SEEING), session(message(text=text)))
        yield Script(
            f"text-{name}-rewritten", (rewriting, PLAIN_SEEING), session(message(text=text)), pipelining="yes"
        )

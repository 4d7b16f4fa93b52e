"""The edits of a child: what is taken, dropped or fails it, and how those of several children are merged."""

from collections.abc import Iterable

import pytest

from mmx.core import edits as edits_module
from mmx.core.content import Content
from mmx.core.edits import Edits, NoRoomError
from mmx.core.plan import OVERHEAD
from mmx.core.spool import MemorySpool
from mmx.errors import ProtocolError
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, MAX_DATA, frame
from tests.plain_spool import PlainSpool

ALL = option.ALL_ACTIONS


def indexed(code: int, index: int, name: bytes, value: bytes) -> bytes:
    return frame(code, payload.encode_indexed_header(index, name, value))


ADD = frame(reply.ADDHEADER, b"X\0v\0")
INS = indexed(reply.INSHEADER, 1, b"X", b"v")
CHG = indexed(reply.CHGHEADER, 1, b"X", b"v")
GOOD = {
    reply.ADDHEADER: ADD,
    reply.INSHEADER: INS,
    reply.CHGHEADER: CHG,
    reply.ADDRCPT: frame(reply.ADDRCPT, b"<a@b>\0"),
    reply.ADDRCPT_PAR: frame(reply.ADDRCPT_PAR, b"<a@b>\0NOTIFY=NEVER\0"),
    reply.DELRCPT: frame(reply.DELRCPT, b"a@b\0"),
    reply.CHGFROM: frame(reply.CHGFROM, b"<>\0"),
    reply.QUARANTINE: frame(reply.QUARANTINE, b"why\0"),
    reply.REPLBODY: frame(reply.REPLBODY, b"x\r\n"),
}


def collect(*frames: bytes, actions: int = ALL, leading_space: bool = False) -> Edits:
    edits = Edits(MemorySpool, add_leading_space=leading_space)
    for one in frames:
        assert edits.add(one, actions) == ""
    edits.finish()
    return edits


def sent(edits: Edits) -> list[bytes]:
    return edits_module.merge([(edits, True)], Content(MemorySpool()))[0]


def body_of(edits: Edits) -> bytes:
    assert edits.body is not None
    return edits.body.read(0, edits.body.size)


class TestTaking:
    def test_every_edit_has_an_example(self) -> None:
        assert set(GOOD) == reply.EDITS

    @pytest.mark.parametrize("code", [code for code in GOOD if code != reply.REPLBODY], ids=reply.NAMES.get)
    def test_a_good_edit_goes_out_verbatim(self, code: int) -> None:
        edits = collect(GOOD[code])
        assert sent(edits) == [GOOD[code]]
        assert edits.size == len(GOOD[code]) + OVERHEAD
        assert edits.holds is (code == reply.QUARANTINE)
        header_edit = code in (reply.ADDHEADER, reply.INSHEADER, reply.CHGHEADER)
        assert edits.edits_headers is edits.changes_content is header_edit

    @pytest.mark.parametrize(
        "edit",
        [
            frame(reply.ADDRCPT, b"a@b\0"),
            frame(reply.ADDRCPT, b"<>\0"),
            frame(reply.ADDRCPT_PAR, b"<a@b>\0"),
            frame(reply.CHGFROM, b"<a@b>\0RET=HDRS\0"),
            frame(reply.QUARANTINE, b"\0"),
            frame(reply.ADDHEADER, b"X\0a\n\tb\0"),
            frame(reply.ADDHEADER, b"X\0a\r\n\tb\xff\0"),
            indexed(reply.CHGHEADER, 0xFFFFFFFF, b"X", b""),
            indexed(reply.INSHEADER, 0, b"X", b""),
        ],
    )
    def test_unusual_forms_are_good(self, edit: bytes) -> None:
        assert sent(collect(edit)) == [edit]

    @pytest.mark.parametrize("code", GOOD, ids=reply.NAMES.get)
    def test_an_edit_never_negotiated_is_dropped(self, code: int) -> None:
        edits = Edits(MemorySpool, add_leading_space=False)
        remark = edits.add(GOOD[code], ALL & ~option.ACTION_OF_EDIT[code])
        assert remark == f"{reply.NAMES[code]} dropped: that action was not negotiated"
        assert (edits.requests, edits.body, edits.size) == ([], None, 0)

    @pytest.mark.parametrize("name", [b"X Y", b"", b"X:", b"X\t", b"\xc3\xa9"])
    @pytest.mark.parametrize("code", [reply.ADDHEADER, reply.INSHEADER, reply.CHGHEADER])
    def test_a_bad_header_name_is_dropped(self, code: int, name: bytes) -> None:
        data = name + b"\0v\0" if code == reply.ADDHEADER else b"\0\0\0\1" + name + b"\0v\0"
        edits = Edits(MemorySpool, add_leading_space=False)
        assert "is no header name" in edits.add(frame(code, data), ALL)
        assert edits.requests == []

    @pytest.mark.parametrize(
        "bad",
        [
            *(frame(code) for code in GOOD if code != reply.REPLBODY),
            *(
                frame(code, GOOD[code][DATA:-1])
                for code in GOOD
                if code not in (reply.REPLBODY, reply.CHGFROM)
            ),
            *(
                frame(code, GOOD[code][DATA:] + b"more\0more\0")
                for code in GOOD
                if code != reply.REPLBODY
            ),
            frame(reply.ADDRCPT, b"<a@b>\0NOTIFY=NEVER\0"),
            frame(reply.CHGFROM, b"<>"),
            frame(reply.INSHEADER, b"\0\0\1"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("actions", [ALL, 0])
    def test_a_malformed_edit_is_a_violation(self, bad: bytes, actions: int) -> None:
        with pytest.raises(ProtocolError):
            Edits(MemorySpool, add_leading_space=False).add(bad, actions)


class TestLeadingSpace:
    """X5: a child without HDR_LEADSPC, an MTA with it; an empty value of CHGHEADER still deletes."""

    @pytest.mark.parametrize(
        ("said", "goes_out"),
        [
            (ADD, frame(reply.ADDHEADER, b"X\0 v\0")),
            (frame(reply.ADDHEADER, b"X\0\0"), frame(reply.ADDHEADER, b"X\0 \0")),
            (INS, indexed(reply.INSHEADER, 1, b"X", b" v")),
            (indexed(reply.INSHEADER, 1, b"X", b""), indexed(reply.INSHEADER, 1, b"X", b" ")),
            (CHG, indexed(reply.CHGHEADER, 1, b"X", b" v")),
            (indexed(reply.CHGHEADER, 1, b"X", b""), indexed(reply.CHGHEADER, 1, b"X", b"")),
        ],
    )
    def test_is_added(self, said: bytes, goes_out: bytes) -> None:
        assert sent(collect(said, leading_space=True)) == [goes_out]


class TestBody:
    @pytest.mark.parametrize(
        ("chunks", "body"),
        [
            ([b"a"], b"a\r\n"),
            ([b""], b""),
            ([b"new\r", b"\nend"], b"new\r\nend\r\n"),
            ([b"a\nb\r\nc\rd\r"], b"a\r\nb\r\nc\rd\r\r\n"),
            ([b"x", b"", b"y\r\n"], b"xy\r\n"),
        ],
    )
    def test_is_kept_as_postfix_writes_it(self, chunks: list[bytes], body: bytes) -> None:
        edits = collect(*(frame(reply.REPLBODY, chunk) for chunk in chunks))
        assert body_of(edits) == body
        assert edits.changes_content
        assert edits.size == 0

    def test_that_does_not_fit(self) -> None:
        class Full(PlainSpool):
            def append(self, data: bytes) -> bool:
                return False

        with pytest.raises(NoRoomError):
            Edits(Full, add_leading_space=False).add(frame(reply.REPLBODY, b"x"), ALL)
        edits = Edits(Full, add_leading_space=False)
        edits.add(frame(reply.REPLBODY, b"\r"), ALL)
        with pytest.raises(NoRoomError):
            edits.finish()


def test_what_is_dropped_leaves_nothing() -> None:
    edits = collect(ADD, GOOD[reply.QUARANTINE], GOOD[reply.REPLBODY])
    edits.drop()
    assert sent(edits) == []
    assert (edits.body, edits.holds, edits.changes_content) == (None, False, False)
    edits.drop()


def message(*names: str) -> Content:
    content = Content(MemorySpool())
    for name in names:
        content.add_header(frame(command.HEADER, name.encode() + b"\0" + name.lower().encode() + b"\0"))
    content.add_body(b"original\r\n")
    return content


def share(*frames: bytes, original: bool = False) -> tuple[Edits, bool]:
    return collect(*frames), original


def merged(shares: Iterable[tuple[Edits, bool]], content: Content) -> tuple[list[bytes], bytes | None]:
    frames, body = edits_module.merge(list(shares), content)
    return frames, None if body is None else body.read(0, MAX_DATA)


class TestMerge:
    def test_everything_goes_out_in_chain_order_the_last_body_apart(self) -> None:
        first = share(ADD, GOOD[reply.ADDRCPT], frame(reply.REPLBODY, b"a\r\n"), original=True)
        second = share(GOOD[reply.DELRCPT], frame(reply.REPLBODY, b"ab\r\n"), INS)
        expected = [ADD, GOOD[reply.ADDRCPT], GOOD[reply.DELRCPT], INS]
        assert merged([first, second], message()) == (expected, b"ab\r\n")

    def test_nobody_replaced_the_body(self) -> None:
        assert merged([share(ADD), share()], message()) == ([ADD], None)

    def test_a_child_that_saw_the_edited_message_is_not_reindexed(self) -> None:
        delete = indexed(reply.CHGHEADER, 1, b"A", b"")
        shares = [share(delete, original=True), share(indexed(reply.CHGHEADER, 1, b"A", b"v"))]
        assert merged(shares, message("A", "A"))[0] == [delete, indexed(reply.CHGHEADER, 1, b"A", b"v")]

    def test_a_child_that_saw_the_original_behind_an_editor_is_reindexed(self) -> None:
        insert = indexed(reply.INSHEADER, 0, b"A", b"new")
        change = indexed(reply.CHGHEADER, 1, b"A", b"v")
        rcpt = GOOD[reply.ADDRCPT]
        shares = [share(insert, original=True), share(rcpt, change, original=True)]
        moved = indexed(reply.CHGHEADER, 2, b"A", b"v")
        assert merged(shares, message("A"))[0] == [insert, rcpt, moved]

    def test_a_third_child_follows_both(self) -> None:
        insert = indexed(reply.INSHEADER, 0, b"A", b"new")
        change = indexed(reply.CHGHEADER, 1, b"A", b"v")
        last = indexed(reply.CHGHEADER, 1, b"A", b"w")
        shares = [share(insert, original=True), share(insert), share(change, original=True), share(last)]
        assert merged(shares, message("A"))[0] == [
            insert, insert, indexed(reply.CHGHEADER, 3, b"A", b"v"), last,
        ]  # fmt: skip

    def test_an_edit_that_became_nothing_is_left_out(self) -> None:
        delete = indexed(reply.CHGHEADER, 1, b"A", b"")
        shares = [share(delete, original=True), share(delete, original=True)]
        assert merged(shares, message("A"))[0] == [delete]

    def test_header_lists_are_made_only_where_indexes_may_move(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A list of thousands of headers costs milliseconds: the usual chains must not pay for it."""

        def refuse(content: Content) -> None:
            raise AssertionError("a header list was made")

        monkeypatch.setattr(edits_module._Headers, "_both", refuse)
        editor, envelope = share(ADD, original=True), share(GOOD[reply.ADDRCPT], original=True)
        for shares in ([editor], [envelope, editor], [editor, envelope], [editor, share(ADD), share(CHG)]):
            merged(shares, message("A"))


class TestRevise:
    def test_headers_and_body_as_earlier_children_left_them(self) -> None:
        first = share(indexed(reply.INSHEADER, 1, b"New", b"n"), frame(reply.REPLBODY, b"a"), original=True)
        second = share(indexed(reply.CHGHEADER, 1, b"A", b""))
        revision = edits_module.revise([first, second], message("A", "B"))
        headers = [one[DATA:] for one in revision.header_frames(0, revision.header_count, strip=False)]
        assert headers == [b"New\0n\0", b"B\0b\0"]
        assert revision.chunk(0) == b"a\r\n"

    def test_the_body_of_the_mta_if_nobody_replaced_it(self) -> None:
        revision = edits_module.revise([share(ADD, original=True)], message("A"))
        assert revision.chunk(0) == b"original\r\n"
        assert revision.chunk(10) == b""

    def test_a_child_that_saw_the_original_is_reindexed_first(self) -> None:
        insert = indexed(reply.INSHEADER, 0, b"A", b"new")
        change = indexed(reply.CHGHEADER, 1, b"A", b"v")
        revision = edits_module.revise(
            [share(insert, original=True), share(change, original=True)], message("A")
        )
        headers = [one[DATA:] for one in revision.header_frames(0, revision.header_count, strip=False)]
        assert headers == [b"A\0new\0", b"A\0v\0"]


def test_every_reader_takes_a_frame_of_its_code() -> None:
    assert all(example[CODE] == code for code, example in GOOD.items())


def test_edits_are_counted_by_kind() -> None:
    assert collect(ADD, CHG, ADD, *GOOD.values(), GOOD[reply.REPLBODY]).counts() == (
        ("ADDRCPT", 1),
        ("DELRCPT", 1),
        ("ADDRCPT_PAR", 1),
        ("REPLBODY", 1),
        ("CHGFROM", 1),
        ("ADDHEADER", 3),
        ("INSHEADER", 1),
        ("CHGHEADER", 2),
        ("QUARANTINE", 1),
    )
    assert collect().counts() == ()

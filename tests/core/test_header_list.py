"""Edits of the header block, against the worked examples of the rule book (5.4) and against a naive model."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.core.header_list import HeaderEdit, HeaderList, reindex
from mmx.wire import payload, reply
from mmx.wire.framing import CODE, DATA

MESSAGE = [
    (b"Received", b"client"),
    (b"From", b"f"),
    (b"To", b"t"),
    (b"Subject", b"s"),
    (b"Date", b"d"),
    (b"Message-Id", b"m"),
    (b"X-K", b"one"),
    (b"X-k", b"two"),
    (b"X-K", b"three"),
]
FRONT = ["Received:client", "From:f", "To:t", "Subject:s", "Date:d", "Message-Id:m"]
KEPT = ["X-K:one", "X-k:two", "X-K:three"]
OWN = b"(own Received)"

Model = list[tuple[bytes, bytes]]


def add(name: str, value: str) -> HeaderEdit:
    return HeaderEdit(reply.ADDHEADER, 0, name.encode(), value.encode())


def ins(position: int, name: str, value: str) -> HeaderEdit:
    return HeaderEdit(reply.INSHEADER, position, name.encode(), value.encode())


def chg(position: int, name: str, value: str) -> HeaderEdit:
    return HeaderEdit(reply.CHGHEADER, position, name.encode(), value.encode())


def edited(*edits: HeaderEdit, message: Model | None = None) -> HeaderList:
    headers = HeaderList.of(MESSAGE if message is None else message)
    for edit in edits:
        headers.apply(edit)
    return headers


def lines(headers: HeaderList) -> list[str]:
    return [f"{name.decode()}:{value.decode()}" for name, value in headers.visible()]


def apply_naively(model: Model, edit: HeaderEdit) -> None:
    """E1 to E5 word for word: OWN is the hidden Received, which INSHEADER counts and CHGHEADER does not."""
    field = (edit.name, edit.value)
    if edit.code == reply.ADDHEADER:
        model.append(field)
        return
    if edit.code == reply.INSHEADER:
        model[edit.position : edit.position] = [field]
        return
    same = [
        place for place, (name, _) in enumerate(model) if name != OWN and name.lower() == edit.name.lower()
    ]
    number = edit.position or 1
    if number > len(same):
        if edit.value:
            model.append(field)
    elif edit.value:
        model[same[number - 1]] = field
    else:
        del model[same[number - 1]]


def final(edits: list[HeaderEdit], message: Model) -> Model:
    """What Postfix makes of the message when it gets these edits."""
    model = [(OWN, b""), *message]
    for edit in edits:
        apply_naively(model, edit)
    return model


class TestWorkedExamples:
    """5.4 of the rule book, all seen with Postfix 3.7.11."""

    def test_1_insert_positions(self) -> None:
        edits = [ins(0, "I0", ""), ins(1, "I1", ""), ins(2, "I2", ""), ins(99, "I99", ""), add("A", "")]
        assert lines(edited(*edits)) == ["I0:", "I1:", "I2:", *FRONT, *KEPT, "I99:", "A:"]
        names = [name for name, _ in final(edits, MESSAGE)]
        assert names[:5] == [b"I0", b"I1", b"I2", OWN, b"Received"]

    def test_2_change_positions(self) -> None:
        edits = [
            chg(2, "x-K", "TWO"),
            chg(0, "X-K", "ONE0"),
            chg(3, "X-K", ""),
            chg(9, "X-K", "nine"),
            chg(1, "Nope", ""),
            chg(1, "Received", "changed"),
        ]
        assert lines(edited(*edits)) == [
            "Received:changed", *FRONT[1:], "X-K:ONE0", "x-K:TWO", "X-K:nine",
        ]  # fmt: skip

    def test_3_received_above_the_own_one(self) -> None:
        edits = [ins(0, "Received", "in"), chg(1, "Received", "CH1"), chg(2, "Received", "CH2")]
        assert lines(edited(*edits)) == ["Received:CH1", "Received:CH2", *FRONT[1:], *KEPT]
        assert final(edits, MESSAGE)[:3] == [(b"Received", b"CH1"), (OWN, b""), (b"Received", b"CH2")]

    def test_4_delete_then_change(self) -> None:
        assert lines(edited(chg(1, "X-K", ""), chg(1, "X-K", "now"))) == [*FRONT, "X-K:now", "X-K:three"]

    def test_5_two_children_insert_below_the_own_received(self) -> None:
        headers = edited(ins(1, "DKIM-Signature", "a"))
        assert lines(headers)[:2] == ["DKIM-Signature:a", "Received:client"]
        headers.apply(ins(1, "Authentication-Results", "b"))
        assert lines(headers)[:3] == ["Authentication-Results:b", "DKIM-Signature:a", "Received:client"]

    def test_6_insert_at_the_top_then_below_it(self) -> None:
        edits = [ins(0, "X-A", "a"), ins(1, "X-B", "b")]
        assert lines(edited(*edits))[:3] == ["X-A:a", "X-B:b", "Received:client"]
        assert [name for name, _ in final(edits, MESSAGE)][:3] == [b"X-A", b"X-B", OWN]

    def test_7_delete_then_change_by_the_next_child(self) -> None:
        assert lines(edited(chg(1, "X-K", ""), chg(2, "X-K", "scored")))[6:] == ["X-k:two", "X-K:scored"]

    @pytest.mark.parametrize("position", [99, 0x7FFFFFFF, 0xFFFFFFFF])
    def test_far_beyond_the_end_is_the_end(self, position: int) -> None:
        assert lines(edited(ins(position, "Z", "z"))) == [*FRONT, *KEPT, "Z:z"]
        assert lines(edited(chg(position, "X-K", "z"))) == [*FRONT, *KEPT, "X-K:z"]
        assert lines(edited(chg(position, "X-K", ""))) == [*FRONT, *KEPT]


def test_a_continuation_without_blank_is_shown_with_a_tab() -> None:
    headers = edited(add("X", "a\nb\n c\n"), message=[])
    assert headers.visible() == [(b"X", b"a\n\tb\n c\n\t")]


def test_a_header_is_shown_as_postfix_reads_it_back() -> None:
    headers = edited(add("X-Long", "v" * 65500), message=[])
    ((name, value),) = headers.visible()
    assert len(name) + 1 + len(value) == 60000


def test_a_twin_is_edited_separately() -> None:
    headers = edited()
    twin = headers.twin()
    twin.apply(chg(1, "Subject", ""))
    headers.apply(chg(1, "X-K", "changed"))
    assert lines(headers) == [*FRONT, "X-K:changed", *KEPT[1:]]
    assert lines(twin) == [*FRONT[:3], *FRONT[4:], *KEPT]


@pytest.mark.parametrize("edit", [add("X", "v"), ins(7, "X", "v"), chg(3, "X", ""), ins(0xFFFFFFFF, "Y", "")])
def test_an_edit_makes_the_frame_it_was_read_from(edit: HeaderEdit) -> None:
    data = edit.frame[DATA:]
    assert edit.frame[CODE] == edit.code
    if edit.code == reply.ADDHEADER:
        assert payload.decode_header(data) == (edit.name, edit.value)
    else:
        assert payload.decode_indexed_header(data) == (edit.position, edit.name, edit.value)


class TestReindex:
    """Edits of a child that saw the original message behind one that edited it: what reaches the MTA."""

    def moved(self, earlier: list[HeaderEdit], later: list[HeaderEdit]) -> list[HeaderEdit | None]:
        sent = HeaderList.of(MESSAGE)
        actual, seen = sent.twin(), sent.twin()
        for edit in earlier:
            actual.apply(edit)
        moved = [reindex(edit, seen, actual) for edit in later]
        assert lines(actual) == lines(edited(*earlier, *(edit for edit in moved if edit is not None)))
        assert lines(seen) == lines(edited(*later))
        return moved

    @pytest.mark.parametrize(
        ("earlier", "later", "expected"),
        [
            # A change keeps pointing at the same header.
            ([chg(1, "X-K", "")], [chg(2, "X-K", "v")], [chg(1, "X-K", "v")]),
            ([ins(0, "X-K", "new")], [chg(1, "X-K", "v")], [chg(2, "X-K", "v")]),
            ([ins(99, "X-K", "new")], [chg(1, "X-K", "v")], [chg(1, "X-K", "v")]),
            ([chg(2, "x-K", "renamed")], [chg(2, "X-K", "v")], [chg(2, "X-K", "v")]),
            ([chg(1, "X-K", "")], [chg(0, "Subject", "v")], [chg(1, "Subject", "v")]),
            # A change of a header meanwhile deleted is an add at the end, a deletion nothing.
            ([chg(1, "X-K", "")], [chg(1, "X-K", "v")], [add("X-K", "v")]),
            ([chg(1, "X-K", "")], [chg(1, "X-K", "")], [None]),
            # The added one stands for the deleted one from then on.
            ([chg(1, "X-K", "")], [chg(1, "X-K", "v")] * 2, [add("X-K", "v"), chg(3, "X-K", "v")]),
            ([chg(1, "X-K", "")], [chg(1, "X-K", ""), chg(1, "X-K", "w")], [None, chg(1, "X-K", "w")]),
            # A change not found in the original is an add, although another child has added one.
            ([add("New", "a")], [chg(1, "New", "v")], [add("New", "v")]),
            ([add("New", "a")], [chg(1, "New", "")], [None]),
            ([add("New", "a")], [add("New", "v"), chg(1, "New", "w")], [add("New", "v"), chg(2, "New", "w")]),
            # INSHEADER goes below the surviving header that preceded it.
            ([ins(0, "X-A", "a")], [ins(1, "I", "v")], [ins(2, "I", "v")]),
            ([ins(0, "X-A", "a")], [ins(0, "I", "v")], [ins(0, "I", "v")]),
            ([ins(1, "X-A", "a")], [ins(1, "I", "v")], [ins(1, "I", "v")]),
            ([ins(1, "X-A", "a")], [ins(2, "I", "v")], [ins(3, "I", "v")]),
            ([chg(1, "Received", "")], [ins(2, "I", "v")], [ins(1, "I", "v")]),
            ([chg(1, "From", "")], [ins(3, "I", "v")], [ins(2, "I", "v")]),
            ([add("X-A", "a")], [ins(99, "I", "v")], [ins(10, "I", "v")]),
            # One edit of the child stands on the other.
            ([ins(0, "X-A", "a")], [ins(1, "I", "v"), ins(2, "J", "")], [ins(2, "I", "v"), ins(3, "J", "")]),
            ([], [chg(1, "X-K", ""), chg(1, "X-K", "v")], [chg(1, "X-K", ""), chg(1, "X-K", "v")]),
        ],
    )  # fmt: skip
    def test_table(
        self, earlier: list[HeaderEdit], later: list[HeaderEdit], expected: list[HeaderEdit | None]
    ) -> None:
        assert self.moved(earlier, later) == expected


names = st.sampled_from([b"X", b"x", b"Y", b"Received"])
values = st.sampled_from([b"", b"", b"1", b"2", b"3"])
messages = st.lists(st.tuples(names, st.sampled_from([b"a", b"b"])), max_size=5)
header_edits = st.builds(
    HeaderEdit,
    st.sampled_from([reply.ADDHEADER, reply.INSHEADER, reply.CHGHEADER, reply.CHGHEADER]),
    st.one_of(st.integers(0, 7), st.just(0xFFFFFFFF)),
    names,
    values,
)


@given(messages, st.lists(header_edits, max_size=12))
def test_apply_agrees_with_the_naive_model(message: Model, edits: list[HeaderEdit]) -> None:
    headers = edited(*edits, message=message)
    model = final(edits, message)
    assert headers.visible() == [field for field in model if field[0] != OWN]
    assert headers.twin().visible() == headers.visible()
    # INSHEADER counts the own Received: a mark put just below and above it must land there.
    place = [name for name, _ in model].index(OWN)
    headers.apply(ins(place, "Above", ""))
    headers.apply(ins(place + 2, "Below", ""))
    assert [name for name, _ in headers.visible()][place : place + 2] == [b"Above", b"Below"]


@given(messages, st.lists(header_edits, max_size=6), st.lists(header_edits, max_size=6))
def test_reindexed_edits_do_to_the_message_what_the_list_says(
    message: Model, earlier: list[HeaderEdit], later: list[HeaderEdit]
) -> None:
    sent = HeaderList.of(message)
    actual, seen = sent.twin(), sent.twin()
    for edit in earlier:
        actual.apply(edit)
    moved = [edit for edit in (reindex(edit, seen, actual) for edit in later) if edit is not None]
    assert seen.visible() == edited(*later, message=message).visible()
    assert actual.visible() == [field for field in final([*earlier, *moved], message) if field[0] != OWN]


@given(messages, st.lists(header_edits, max_size=8))
def test_nothing_is_moved_where_nobody_edited_before(message: Model, later: list[HeaderEdit]) -> None:
    sent = HeaderList.of(message)
    actual, seen = sent.twin(), sent.twin()
    moved = [edit for edit in (reindex(edit, seen, actual) for edit in later) if edit is not None]
    assert final(moved, message) == final(later, message)


@pytest.mark.parametrize("first", [True, False])
def test_thousands_of_deletions_take_no_time_that_others_would_feel(time_unit: float, *, first: bool) -> None:
    """opendkim and opendmarc delete each forged Authentication-Results; a mail may carry as many as fit."""
    count = 16000
    message = [(b"Authentication-Results", b" forged")] * count
    actual = HeaderList.of(message)
    seen, original = actual.twin(), actual.twin()
    began = time.perf_counter()
    for left in range(count, 0, -1):
        edit = chg(1 if first else left, "authentication-results", "")
        original.apply(edit)
        reindex(edit, seen, actual)
    assert (original.visible(), seen.visible(), actual.visible()) == ([], [], [])
    assert time.perf_counter() - began < 2 * time_unit

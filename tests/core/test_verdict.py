"""What a reply means, by itself."""

import pytest

from mmx.core import plan, verdict
from mmx.core.verdict import DISCARD, OF_DEFAULT_ACTION, REJECT, SHUTDOWN, TEMPFAIL, Verdict
from mmx.errors import ProtocolError
from mmx.wire import reply
from mmx.wire.framing import frame

PLAIN = {
    reply.CONTINUE: None,
    reply.ACCEPT: None,
    reply.SKIP: None,
    reply.REJECT: REJECT,
    reply.TEMPFAIL: TEMPFAIL,
    reply.DISCARD: DISCARD,
    reply.SHUTDOWN: SHUTDOWN,
}


def text(said: str) -> bytes:
    return frame(reply.REPLYCODE, said.encode() + b"\0")


@pytest.mark.parametrize(("code", "means"), PLAIN.items())
def test_a_plain_reply(code: int, means: Verdict | None) -> None:
    assert verdict.of_reply(frame(code)) == (means, "")
    with pytest.raises(ProtocolError, match="data after"):
        verdict.of_reply(frame(code, b"x"))


def test_the_table_of_plain_replies_is_whole() -> None:
    assert set(PLAIN) | {reply.REPLYCODE} == reply.VERDICTS


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("550 5.7.1 no", "reject"),
        ("450 4.2.0 greylisted", "tempfail"),
        ("421 4.7.0 bye", "shutdown"),
        ("550-5.7.1 a\r\n550 5.7.1 b 100%% sure", "reject"),
        ("554 ", "reject"),
    ],
)
def test_a_valid_text_goes_on_verbatim(said: str, word: str) -> None:
    means, remark = verdict.of_reply(text(said))
    assert means == Verdict(text(said), word, said.encode())
    assert remark == ""


@pytest.mark.parametrize(
    ("data", "means"),
    [
        (b"550 5.7.1 no", REJECT),  # its NUL is missing (W17)
        (b"550 4.7.1 x\0", REJECT),
        (b"550\0", REJECT),
        (b"550-a\r\n451 b\0", REJECT),
        (b"550-a\0", REJECT),
        (b"450 a\r\n\0", TEMPFAIL),
        (b"550-a\n550 b\0", REJECT),
        (b"421-a\0", TEMPFAIL),
        (b"550 a\0b\0", REJECT),
    ],
)
def test_a_bad_text_keeps_its_class(data: bytes, means: Verdict) -> None:
    decided, remark = verdict.of_reply(frame(reply.REPLYCODE, data))
    assert decided == means
    assert "its class is kept" in remark


@pytest.mark.parametrize("data", [b"", b"\0", b"250 ok\0", b"650 x\0", b"x50 x\0", b"5x0 x\0", b"no\0"])
def test_a_text_without_class_is_a_violation(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="neither 4xx nor 5xx"):
        verdict.of_reply(frame(reply.REPLYCODE, data))


def test_every_default_action_that_decides_has_its_verdict() -> None:
    assert set(plan.DEFAULT_ACTIONS) - set(OF_DEFAULT_ACTION) == {plan.ACCEPT, plan.QUARANTINE}
    words = {action: means.word for action, means in OF_DEFAULT_ACTION.items()}
    assert words == {plan.TEMPFAIL: "tempfail", plan.REJECT: "reject", plan.SHUTDOWN: "shutdown"}


def test_a_shutdown_never_travels_as_such() -> None:
    assert SHUTDOWN.frame == text("421 4.7.0 Server closing connection")


@pytest.mark.parametrize(
    ("means", "temporary"), [(REJECT, False), (DISCARD, False), (TEMPFAIL, True), (SHUTDOWN, True)]
)
def test_whether_the_client_may_try_again(means: Verdict, *, temporary: bool) -> None:
    assert means.temporary is temporary


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        (REJECT, "550 5.7.1 Command rejected (av)"),
        (TEMPFAIL, "451 4.7.1 Service unavailable - try again later (av)"),
        (OF_DEFAULT_ACTION[plan.REJECT], "550 5.5.0 Service unavailable (av)"),
        (OF_DEFAULT_ACTION[plan.SHUTDOWN], "421 4.7.1 Service unavailable - try again later (av)"),
    ],
)
def test_a_name_is_appended_to_a_default_text(means: Verdict, expected: str) -> None:
    named = verdict.with_name(means, "av")
    assert named.frame == text(expected)
    assert named.word == means.word


@pytest.mark.parametrize("means", [DISCARD, SHUTDOWN, verdict.with_text(b"550 5.7.1 mine")])
def test_no_name_is_appended_to_anything_else(means: Verdict) -> None:
    assert verdict.with_name(means, "av") is means


@pytest.mark.parametrize(
    ("said", "word", "becomes"),
    [
        ("550 5.7.1 no", "tempfail", "450 4.7.1 no"),
        ("550-5.7.1 a\r\n550 5.7.1 b", "tempfail", "450-4.7.1 a\r\n450 4.7.1 b"),
        ("550 no", "tempfail", "450 no"),
        ("550 5.7 no code", "tempfail", "450 5.7 no code"),
        ("451 4.7.1 later", "reject", "551 5.7.1 later"),
        ("450 4.2.0 555 5.5.5 in the text", "reject", "550 5.2.0 555 5.5.5 in the text"),
    ],
)
def test_the_other_class_keeps_the_text(said: str, word: str, becomes: str) -> None:
    assert verdict.of_class(verdict.with_text(said.encode()), word).text == becomes.encode()


def test_the_other_class_without_a_text_or_of_a_shutdown_is_the_plain_one() -> None:
    assert verdict.of_class(REJECT, "tempfail") is TEMPFAIL
    assert verdict.of_class(SHUTDOWN, "reject") is REJECT

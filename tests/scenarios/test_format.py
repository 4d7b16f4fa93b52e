"""The scenario format: reading, showing, and the rules that every file keeps."""

from pathlib import Path

import pytest

from mmx.wire import command, framing, reply
from tests.scenarios import frames, model, words
from tests.scenarios.format import TRAPS, FormatError, all_files, load, parse

PATH = Path("x.scenario")
HEAD = "title: t\nrules: trap 1\nchild a:\n---\n"


def step(line: str) -> model.Step:
    return parse(HEAD + line, PATH).steps[0]


def test_every_trap_has_a_scenario() -> None:
    named = {rule for path in all_files() for rule in load(path).rules}
    assert [number for number in range(1, TRAPS + 1) if f"trap {number}" not in named] == []


def test_a_trap_file_names_its_trap_first() -> None:
    for path in (model.HERE / "traps").glob("*.scenario"):
        assert load(path).rules[0] == f"trap {int(path.stem[:2])}", path


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("plain", b"plain"),
        ('""', b""),
        (r'"a b\r\n\t\0\\\"\xfe"', b'a b\r\n\t\0\\"\xfe'),
        ('"x"*3+"y"', b"xxxy"),
        ('"ab"*2', b"abab"),
        ('v="Postfix 3.7"', b"v=Postfix 3.7"),
        ("user+tag@example.org", b"user+tag@example.org"),
        ('"é"', "é".encode()),
    ],
)
def test_word(text: str, data: bytes) -> None:
    assert words.split(text) == [data]
    assert words.split(words.show(data)) == [data]


@pytest.mark.parametrize("text", ['"open', r'"\q"', '"a"b', r'"\x1"', "~.*"])
def test_bad_word(text: str) -> None:
    with pytest.raises(words.WordError, match="column"):
        words.split(text)


def test_a_long_word_is_shown_short() -> None:
    assert words.show(b"x" * 65533 + b"\r\n") == r'"x"*65533+"\r\n"'
    assert len(words.show(bytes(range(256)) * 100)) < 2000


@pytest.mark.parametrize("path", all_files(), ids=lambda path: path.stem)
def test_every_frame_of_a_file_is_shown_as_it_is_read(path: Path) -> None:
    for one in load(path).steps:
        if isinstance(one, model.Expect) and one.frame is not None:
            from_mta = one.peer != model.MTA
            shown = frames.decode(one.frame, from_mta=from_mta)
            assert frames.encode(shown, from_mta=from_mta) == one.frame


@pytest.mark.parametrize(
    ("frame", "from_mta", "line"),
    [
        (framing.frame(reply.CONTINUE), False, "CONTINUE"),
        (framing.frame(reply.CONTINUE, b"x"), False, "frame c x"),
        (framing.frame(reply.REPLYCODE, b"550 no"), False, 'frame y "550 no"'),
        (framing.frame(reply.CHGHEADER, b"\0\0\0\1X\0\0"), False, 'CHGHEADER 1 X ""'),
        (framing.frame(command.MAIL, b"<>\0SIZE=1\0"), True, "MAIL <> SIZE=1"),
        (framing.frame(command.CONNECT, b"h\x004\x00\x19::1\0"), True, "CONNECT h 4 25 ::1"),
        (framing.frame(command.CONNECT, b"h\0U"), True, "CONNECT h U"),
        (framing.frame(command.MACRO, b"Hj\0mx\0"), True, "MACRO HELO j=mx"),
        (framing.frame(command.MACRO), True, 'frame D ""'),
        (framing.frame(command.BODY), True, 'BODY ""'),
        (framing.frame(0), True, r'frame "\0" ""'),
        (
            framing.frame(command.OPTNEG, b"\0\0\0\6\0\0\1\xff\0\x0c\0\x80\0\0\0\3i j\0"),
            True,
            "OPTNEG 6 ALL NR_HDR,NR_EOH,NR_BODY 3:i,j",
        ),
    ],
)
def test_frame_shown(frame: bytes, from_mta: bool, line: str) -> None:
    shown = frames.decode(frame, from_mta=from_mta)
    assert words.show_line([*shown]) == line
    assert frames.encode(shown, from_mta=from_mta) == frame


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("M> NONSENSE", "NONSENSE is no command"),
        ("a< MAIL <x>", "MAIL is no reply"),
        ("b< CONTINUE", "no child 'b'"),
        ("M> HEADER onlyname", "1 words behind the name"),
        ("M< raw x", "raw can only be sent"),
        ('M> MAIL ~".*"', "a pattern in what a peer sends"),
        ("M> MACRO MAIL i", "no value"),
        ("sleep 3", "no step"),
        ("wait long", "could not convert"),
        ("end", "no step"),
        ("M> bytewise\na< bytewise", "a segmentation inside another"),
    ],
)
def test_bad_step(line: str, message: str) -> None:
    with pytest.raises(FormatError, match=message) as raised:
        parse(HEAD + line, PATH)
    assert str(raised.value).startswith(f"x.scenario:{5 + line.count(chr(10))}: ")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("rules: trap 63", "no such rule or trap: 'trap 63'"),
        ("rules: Z1", "no such rule or trap: 'Z1'"),
        ("rules: G13", "no such rule or trap: 'G13'"),
        ("child A:", "no child's name"),
        ("child a: protocol=NOTHING", "'NOTHING' is no bit"),
        ("child a: size=3", "unknown option 'size' of a child"),
        ("child a:\nchild a:", "used twice"),
        ("start: later", "'later' where one of"),
        ("postfix: perhaps", "'perhaps' where one of"),
        ("colour: red", "unknown key 'colour'"),
        ("limits: patience=3", "unknown limit 'patience'"),
        ("just words", "no `key: value`"),
    ],
)
def test_bad_head(head: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse(f"title: t\n{head}\n---\n", PATH)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: t\nrules: trap 1\n", "no line ---"),
        ("rules: trap 1\n---\n", "title is missing"),
        ("title: t\n---\n", "rules is missing"),
        ("title: t\nrules: trap 1\nsockets: no\n---\n", "a note with the reason"),
        (HEAD + "M> together\nM> DATA\n", "the end of a segmentation is missing"),
    ],
)
def test_bad_file(text: str, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse(text, PATH)


def test_steps() -> None:
    assert step("M> DATA") == model.Send(5, "M> DATA", "M", framing.frame(command.DATA))
    assert step("a< closes") == model.HangUp(5, "a< closes", "a")
    assert step("M< nothing") == model.ExpectNothing(5, "M< nothing", "M")
    assert step("a> closes") == model.ExpectClose(5, "a> closes", "a")
    assert step("a< listens") == model.Reach(5, "a< listens", "a", "up")
    assert step("wait 1.5") == model.Wait(5, "wait 1.5", 1.5)
    assert step("reload a") == model.Reload(5, "reload a", ("a",))
    assert step('M< REPLYCODE ~"4.*"') == model.Expect(
        5, 'M< REPLYCODE ~"4.*"', "M", (b"REPLYCODE", words.Pattern("4.*")), None
    )


def test_several_peers_on_a_line() -> None:
    text = "title: t\nrules: trap 1\nchild a:\nchild b:\n---\na,b< CONTINUE\n"
    peers = [one.peer for one in parse(text, PATH).steps if isinstance(one, model.Send)]
    assert peers == ["a", "b"]

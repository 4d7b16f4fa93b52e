"""The log lines about mail."""

from dataclasses import replace

from mmx.core.action import ChildFailed, ChildRecord, MessageRecord, ObservedRecord
from mmx.core.child import Child
from mmx.core.plan import ChildPlan
from mmx.observe.message_line import MessageLine, failure_line, observed_line

RECORD = MessageRecord(
    session="1f00c3a7",
    queue_id=b"4XyZ12",
    client=b"mail.example.net",
    helo=b"mail.example.net",
    sender=b"<s@example.net>",
    recipients=2,
    refused_recipients=1,
    size=1432,
    verdict="reject",
    reply=b"550 5.7.1 no",
    decider="opendmarc",
    why="EOM",
    seconds=0.0214,
    children=(
        ChildRecord("opendkim", "accept", "EOM", 0.004),
        ChildRecord("opendmarc", "reject", "EOM", 0.0101, "p=reject"),
    ),
)


def test_a_full_record() -> None:
    assert str(MessageLine(RECORD)) == (
        "message session=1f00c3a7 queue_id=4XyZ12 client=mail.example.net helo=mail.example.net "
        "from=<s@example.net> recipients=2 refused=1 size=1432 verdict=reject "
        'reply="550 5.7.1 no" by=opendmarc why=EOM seconds=0.021 '
        'child.opendkim=accept@EOM/0.004 child.opendmarc="reject@EOM/0.010:p=reject"'
    )


def test_what_has_no_value_is_left_out() -> None:
    empty = MessageRecord("1f00c3a7", b"", b"", b"", b"", 0, 0, 0, "aborted", b"", "", "", 0.0, ())
    assert str(MessageLine(empty)) == "message session=1f00c3a7 recipients=0 size=0 verdict=aborted seconds=0"


def test_a_child_without_a_stage() -> None:
    record = replace(RECORD, children=(ChildRecord("a", "none", "", 0.0),))
    assert str(MessageLine(record)).endswith(" child.a=none/0.000")


def test_no_sender_can_forge_a_line() -> None:
    forged = b'<a"\nmessage verdict=accept \x1b[2J\xff@x>'
    line = str(MessageLine(replace(RECORD, sender=forged, helo=b"x" * 5000)))
    assert "\n" not in line
    assert "\x1b" not in line
    assert line.isascii()
    assert 'from="<a' in line
    assert len(line) < 1000


def test_a_failure() -> None:
    child = Child(ChildPlan("scanner", "unix:/run/scanner.sock"))
    failed = ChildFailed(child, "connect", "missing", "no socket; is it\nrunning?", "tempfail")
    assert str(failure_line("1f00c3a7", failed)) == (
        "child failed session=1f00c3a7 child=scanner socket=unix:/run/scanner.sock step=connect"
        " reason=missing action=tempfail"
        ": no socket; is it\\x0arunning?"
    )
    assert str(failure_line("1", ChildFailed(child, "idle", "eof", "", ""))) == (
        "child failed session=1 child=scanner socket=unix:/run/scanner.sock step=idle reason=eof"
        ": it may have crashed or been restarted: see its own log"
    )


def test_a_record_as_an_object() -> None:
    values = MessageLine(RECORD).values()
    assert values["queue_id"] == b"4XyZ12"
    assert values["child"] == {
        "opendkim": {
            "verdict": "accept",
            "command": "EOM",
            "seconds": 0.004,
            "detail": None,
            "because": None,
        },
        "opendmarc": {
            "verdict": "reject",
            "command": "EOM",
            "seconds": 0.0101,
            "detail": "p=reject",
            "because": None,
        },
    }


OBSERVED = ObservedRecord(
    session="1f00c3a7",
    queue_id=b"4XyZ12",
    child="rspamd",
    verdict="reject",
    stage="EOM",
    reply=b"550 5.7.1 spam",
    refused_recipients=1,
    edits=(("ADDHEADER", 2), ("REPLBODY", 1)),
    message="accept",
    why="because",
    seconds=0.0214,
)


def test_an_observation() -> None:
    assert str(observed_line(OBSERVED)) == (
        "observed session=1f00c3a7 queue_id=4XyZ12 child=rspamd verdict=reject "
        'reply="550 5.7.1 spam" stage=EOM refused=1 edits=ADDHEADER:2,REPLBODY:1 message=accept why=because '
        "seconds=0.021"
    )


def test_an_observation_of_which_there_is_little_to_tell() -> None:
    empty = ObservedRecord("1f00c3a7", b"", "rspamd", "continue", "", b"", 0, (), "accept", "", 0.0)
    expected = "observed session=1f00c3a7 child=rspamd verdict=continue message=accept seconds=0"
    assert str(observed_line(empty)) == expected

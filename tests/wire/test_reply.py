from mmx.wire import reply

LETTERS = {
    "CONTINUE": "c", "ACCEPT": "a", "REJECT": "r", "TEMPFAIL": "t", "DISCARD": "d", "REPLYCODE": "y",
    "SKIP": "s", "PROGRESS": "p", "SHUTDOWN": "4", "CONN_FAIL": "f", "QUARANTINE": "q", "ADDRCPT": "+",
    "ADDRCPT_PAR": "2",
    "DELRCPT": "-", "CHGFROM": "e", "ADDHEADER": "h", "INSHEADER": "i", "CHGHEADER": "m", "REPLBODY": "b",
    "OPTNEG": "O",
}  # fmt: skip


def test_codes_are_those_of_the_protocol() -> None:
    assert {name: chr(code) for code, name in reply.NAMES.items()} == LETTERS


def test_every_code_has_its_name() -> None:
    constants = {name: value for name, value in vars(reply).items() if isinstance(value, int)}
    assert {name: code for code, name in reply.NAMES.items()} == constants


def test_a_reply_is_a_verdict_or_an_edit_or_neither_asks_nor_answers() -> None:
    others = {reply.PROGRESS, reply.CONN_FAIL, reply.OPTNEG}
    assert not reply.VERDICTS & reply.EDITS
    assert reply.VERDICTS | reply.EDITS | others == set(reply.NAMES)


def test_what_carries_no_data() -> None:
    assert {reply.PROGRESS} | reply.VERDICTS - {reply.REPLYCODE} == reply.WITHOUT_DATA

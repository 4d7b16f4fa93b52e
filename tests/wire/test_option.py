from mmx.wire import command, option, reply

ACTIONS = {
    "ADDHDRS": 0, "CHGBODY": 1, "ADDRCPT": 2, "DELRCPT": 3, "CHGHDRS": 4, "QUARANTINE": 5, "CHGFROM": 6,
    "ADDRCPT_PAR": 7, "SETSYMLIST": 8,
}  # fmt: skip
PROTOCOL = {
    "NOCONNECT": 0, "NOHELO": 1, "NOMAIL": 2, "NORCPT": 3, "NOBODY": 4, "NOHDRS": 5, "NOEOH": 6, "NR_HDR": 7,
    "NOUNKNOWN": 8, "NODATA": 9, "SKIP": 10, "RCPT_REJ": 11, "NR_CONN": 12, "NR_HELO": 13, "NR_MAIL": 14,
    "NR_RCPT": 15, "NR_DATA": 16, "NR_UNKN": 17, "NR_EOH": 18, "NR_BODY": 19, "HDR_LEADSPC": 20,
}  # fmt: skip
STAGES = {"CONNECT": 0, "HELO": 1, "MAIL": 2, "RCPT": 3, "DATA": 4, "EOM": 5, "EOH": 6}
ANSWERED = frozenset(command.NAMES) - {
    command.OPTNEG, command.MACRO, command.ABORT, command.QUIT, command.QUIT_NC,
}  # fmt: skip


def test_bits_stand_at_their_places() -> None:
    bits = {name: 1 << place for name, place in (ACTIONS | PROTOCOL).items()}
    assert {name: getattr(option, name) for name in bits} == bits
    assert sum(bits[name] for name in ACTIONS) == option.ALL_ACTIONS
    assert sum(bits[name] for name in PROTOCOL) == option.ALL_PROTOCOL


def test_every_answered_event_has_its_two_bits() -> None:
    assert set(option.NOT_WANTED) == set(option.NO_REPLY) == ANSWERED
    bits = [*option.NOT_WANTED.values(), *option.NO_REPLY.values()]
    used = {bit for bit in bits if bit}
    assert len(used) == len(bits) - 2
    assert option.NOT_WANTED[command.EOM] == option.NO_REPLY[command.EOM] == 0


def test_every_edit_has_its_action() -> None:
    assert set(option.ACTION_OF_EDIT) == reply.EDITS
    assert set(option.ACTION_OF_EDIT.values()) == {
        1 << place for name, place in ACTIONS.items() if name != "SETSYMLIST"
    }


def test_stages_and_the_events_they_travel_with() -> None:
    assert {name: getattr(option, f"STAGE_{name}") for name in STAGES} == STAGES
    assert max(STAGES.values()) == option.LAST_STAGE
    assert set(option.STAGE_OF_COMMAND) == ANSWERED - {command.UNKNOWN}
    assert option.STAGE_OF_COMMAND[command.HEADER] == option.STAGE_EOH
    assert option.STAGE_OF_COMMAND[command.BODY] == option.STAGE_EOM

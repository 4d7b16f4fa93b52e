"""The table of the MTA's side, every pair of it."""

import pytest

from mmx.core.action import CloseMta
from mmx.core.mta import NEXT, Phase
from mmx.wire import command
from tests.core.playbook import Playbook

ANYWHERE = {command.QUIT, command.MACRO}
START = {
    Phase.NEW: "nothing",
    Phase.NEGOTIATED: "negotiated",
    Phase.CONNECTED: "helo",
    Phase.ENVELOPE: "rcpt",
    Phase.DATA: "data",
    Phase.HEADERS: "data",
    Phase.BODY: "data",
}
LEAD_IN = {Phase.HEADERS: ["M> HEADER Subject x"], Phase.BODY: ["M> EOH", "M> BODY x"]}
COMMANDS = {
    command.OPTNEG: "M> OPTNEG 6 0x1ff 0x1fffff",
    command.MACRO: "M> MACRO MAIL i=1",
    command.CONNECT: "M> CONNECT mail.example.net 4 2525 192.0.2.7",
    command.HELO: "M> HELO mail.example.net",
    command.MAIL: "M> MAIL <s@example.net>",
    command.RCPT: "M> RCPT <r@example.org>",
    command.DATA: "M> DATA",
    command.HEADER: "M> HEADER Subject x",
    command.EOH: "M> EOH",
    command.BODY: "M> BODY x",
    command.EOM: "M> EOM",
    command.ABORT: "M> ABORT",
    command.QUIT: "M> QUIT",
    command.QUIT_NC: "M> QUIT_NC",
    command.UNKNOWN: "M> UNKNOWN NOOP",
}
SILENT = {command.MACRO, command.ABORT, command.QUIT_NC, command.HEADER, command.EOH, command.BODY}


def in_phase(phase: Phase) -> Playbook:
    play = Playbook("child a: actions=NONE down default_action=accept", f"start: {START[phase]}")
    for line in LEAD_IN.get(phase, ()):
        play >> line
    assert play.session.state.phase is phase
    return play


def test_every_command_has_a_line_here_and_every_phase_a_row() -> None:
    assert set(COMMANDS) == set(command.NAMES)
    assert set(NEXT) == set(Phase)


@pytest.mark.parametrize("code", COMMANDS, ids=command.NAMES.get)
@pytest.mark.parametrize("phase", Phase)
def test_every_command_in_every_phase_leads_on_or_closes_the_link(phase: Phase, code: int) -> None:
    with in_phase(phase) as play:
        following = NEXT[phase].get(code)
        if code == command.QUIT:
            play >> COMMANDS[code] << "M< closes"
            assert play.session.finished
        elif following is None and (code != command.MACRO or phase is Phase.NEW):
            play >> COMMANDS[code] << "M< closes"
            assert play.session.finished
            assert play.notes(CloseMta)
            assert "MTA link closed: " in play.remarks[-1]
        else:
            play >> COMMANDS[code]
            if code == command.OPTNEG:
                play << "M< OPTNEG 6 ALL NR_HDR,NR_EOH,NR_BODY,HDR_LEADSPC"
            elif code not in SILENT:
                play << "M< CONTINUE"
            assert play.session.state.phase is (following or phase)
            assert not play.session.finished


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.NEW])
def test_an_unknown_code_closes_the_link_in_every_phase(phase: Phase) -> None:
    with in_phase(phase) as play:
        play >> 'M> frame Z ""' << "M< closes"
        assert play.remarks[-1] == "MTA link closed: unknown command b'Z'"


@pytest.mark.parametrize("code", sorted(NEXT[Phase.ENVELOPE]), ids=command.NAMES.get)
def test_no_command_of_a_message_leads_back(code: int) -> None:
    """But for RCPT after a DATA that came to nothing (S17)."""
    order = [Phase.ENVELOPE, Phase.DATA, Phase.HEADERS, Phase.BODY]
    leads_out = {command.ABORT, command.HELO, command.MAIL, command.EOM, command.QUIT_NC}
    for number, phase in enumerate(order):
        following = NEXT[phase].get(code)
        again = code == command.RCPT and phase is Phase.DATA
        if code not in leads_out and following is not None and not again:
            assert order.index(following) >= number

"""Children that are fed ahead of their replies (S3): libmilter programs, and those that answer no content."""

from tests.core.playbook import Playbook

MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"


class TestPipelining:
    def test_content_is_sent_without_waiting(self) -> None:
        with Playbook("start: data", "child a: pipelining=yes") as play:
            play >> "M> HEADER X v"
            play >> "M> EOH"
            play >> "M> BODY x"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH" << "a> BODY x" << "a> EOM"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_large_content_is_sent_before_its_end(self) -> None:
        """Also to a child that answers none of it."""
        children = (
            "child a: pipelining=yes actions=NONE",
            "child b: protocol=NR_HDR,NR_EOH,NR_BODY actions=NONE",
        )
        with Playbook("start: data", *children) as play:
            play >> "M> HEADER X v"
            play >> "M> EOH"
            piece = 'BODY "x"*32768'
            play >> f"M> {piece}" << "a,b> HEADER X v" << "a,b> EOH" << f"a,b> {piece}"
            play >> "M> BODY x"
            play >> "M> EOM" << "a,b> BODY x" << "a,b> EOM"

    def test_an_early_verdict_ends_it(self) -> None:
        with Playbook("start: data", "child a: pipelining=yes") as play:
            play >> "M> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH" << "a> EOM"
            play >> "a< TEMPFAIL" << "M< TEMPFAIL"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_the_envelope_is_not_sent_ahead(self) -> None:
        with Playbook("start: helo", "child a: pipelining=yes") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> f"M> {RCPT}"
            play >> "a< CONTINUE" << "M< CONTINUE" << f"a> {RCPT}"

    def test_macros_of_content_are_spared(self) -> None:
        head = ("macros: shown", "start: data", "child a: pipelining=yes actions=NONE", "child b:")
        with Playbook(*head) as play:
            play >> "M> MACRO HEADER i=1"
            play >> "M> HEADER X v" << "b> MACRO HEADER i=1" << "b> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH" << "a> EOM"

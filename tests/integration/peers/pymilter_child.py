"""A milter on python3-milter; run by the system's python3, which has the module.

Usage: pymilter_child.py SOCKET TRACE. The words it obeys are those of libmilter_child.c: the local part of
the sender is STAGE.ACTION.
"""

import sys
from pathlib import Path
from typing import Any

import Milter  # type: ignore[import-not-found]

ANSWERS = {
    "reject": Milter.REJECT,
    "tempfail": Milter.TEMPFAIL,
    "discard": Milter.DISCARD,
    "accept": Milter.ACCEPT,
}
BODY = b"replaced by pymilter\r\n" * 10
TRACE = Path(sys.argv[2])


class Child(Milter.Base):  # type: ignore[misc]
    """One connection."""

    def __init__(self) -> None:
        self.word = ""
        self.headers = 0
        self.size = 0

    def note(self, *words: object) -> None:
        with TRACE.open("a", encoding="utf-8", errors="surrogateescape") as trace:
            print(*words, file=trace)

    def act(self, word: str, stage: str) -> Any:
        at, _, action = word.strip("<>").partition("@")[0].partition(".")
        if at != stage:
            return Milter.CONTINUE
        if action == "reply":
            self.setreply("550", "5.7.9", "no, 100%% sure")
            return Milter.REJECT
        if action == "lines":
            self.setreply("451", "4.7.8", "first line, 50%% done", "second line")
            return Milter.TEMPFAIL
        return ANSWERS.get(action, Milter.CONTINUE)

    @Milter.noreply  # type: ignore[untyped-decorator]
    def connect(self, hostname: str, family: int, hostaddr: tuple[Any, ...]) -> Any:
        self.note("connect", hostname, hostaddr[0], self.getsymval("j"))
        return Milter.CONTINUE

    def hello(self, hostname: str) -> Any:
        self.note("helo", hostname)
        return self.act(hostname, "helo")

    def envfrom(self, sender: str, *words: str) -> Any:
        self.note("mail", sender, *words)
        self.word, self.headers, self.size = sender, 0, 0
        return self.act(sender, "mail")

    def envrcpt(self, recipient: str, *words: str) -> Any:
        self.note("rcpt", recipient, *words, self.getsymval("{rcpt_addr}"))
        return self.act(recipient, "rcpt")

    def data(self) -> Any:
        return self.act(self.word, "data")

    @Milter.noreply  # type: ignore[untyped-decorator]
    def header(self, name: str, value: str) -> Any:
        self.note("header", name, repr(value))
        self.headers += 1
        return Milter.CONTINUE

    def eoh(self) -> Any:
        return self.act(self.word, "eoh")

    def body(self, data: bytes) -> Any:
        self.size += len(data)
        return self.act(self.word, "body")

    def eom(self) -> Any:
        self.note("eom", self.headers, self.size, bool(self.getsymval("i")))
        self.addheader("X-Pymilter", f"{self.headers} headers")
        if self.word.startswith("<eom.edits"):
            self.addheader("X-Pymilter-Top", "0", 0)
            self.chgheader("Subject", 1, "changed by pymilter")
            self.addrcpt("<added@rcpt.test>")
            self.delrcpt("<r2@rcpt.test>")
            self.chgfrom("<changed@sender.test>", "ENVID=abc")
            self.replacebody(BODY)
        if self.word.startswith("<eom.quarantine"):
            self.quarantine("looks odd")
        return self.act(self.word, "eom")

    def abort(self) -> Any:
        self.note("abort")
        return Milter.CONTINUE

    def close(self) -> Any:
        self.note("close")
        return Milter.CONTINUE


def main() -> None:
    Milter.factory = Child
    Milter.set_flags(
        Milter.ADDHDRS + Milter.CHGHDRS + Milter.CHGBODY + Milter.ADDRCPT + Milter.DELRCPT + Milter.CHGFROM
        + Milter.QUARANTINE
    )  # fmt: skip
    Milter.runmilter("pymilter-child", sys.argv[1], 300)


if __name__ == "__main__":
    main()

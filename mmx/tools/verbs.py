"""The verbs of the command line, in the order in which `mmx --help` lists them.

One row a verb; the command line, the man pages and the completion are made from it. Its module has

    parser(verb) -> Parser          all options, examples included; builds and does nothing else
    main(verb, argv) -> int         carry it out; the exit code; raises MmxError

and is imported only when the verb is asked for: the daemon has no use for it.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from mmx.tools.arguments import Parser


@dataclass(frozen=True, slots=True)
class Verb:
    """A word after `mmx`. `told` is its line of help; `with_settings`: it has the option --config, which may
    stand before the word as well.
    """

    name: str
    told: str
    module: str
    with_settings: bool = True

    @property
    def parser(self) -> Parser:
        """A new parser of its options."""
        make = cast("Callable[[str], Parser]", importlib.import_module(self.module).parser)
        return make(self.name)

    def run(self, argv: Sequence[str]) -> int:
        """Carry it out; the exit code. Raises MmxError."""
        main = cast("Callable[[str, Sequence[str]], int]", importlib.import_module(self.module).main)
        return main(self.name, argv)


VERBS: Final = (
    Verb("status", "tell what the running mmx does", "mmx.tools.status"),
    Verb("sessions", "list its open sessions", "mmx.tools.status"),
    Verb("trace", "show what travels between Postfix, mmx and each child", "mmx.tools.trace"),
    Verb("reload", "have it read its settings again, and wait for that", "mmx.tools.steer"),
    Verb("disable", "take a child out of its chain", "mmx.tools.steer"),
    Verb("enable", "put a child back", "mmx.tools.steer"),
    Verb("drain", "take a child out and wait until it has no message left", "mmx.tools.steer"),
    Verb("explain", "tell which children would see a mail, and why", "mmx.tools.explain.verb"),
    Verb("check", "say what is wrong between Postfix and the last child", "mmx.tools.check.verb"),
    Verb("held", "list the mail that children had held, let it go or drop it", "mmx.tools.held.verb"),
    Verb("bench", "put a load on mmx or a milter, and tell how fast it is", "mmx.tools.bench.verb"),
    Verb("filter", "be a milter that does what a script says", "mmx.tools.filter.verb", with_settings=False),
    Verb("test", "play a mail to mmx or a milter, and tell what becomes of it", "mmx.tools.test.verb"),
    Verb("demo", "see mmx at work with small milters of its own", "mmx.tools.demo.verb", with_settings=False),
    Verb("install", "make mmx a service of this host", "mmx.tools.install.verb", with_settings=False),
    Verb("uninstall", "undo what install did", "mmx.tools.install.verb", with_settings=False),
    Verb("completion", "print what a shell needs to complete command lines", "mmx.tools.completion.verb"),
)

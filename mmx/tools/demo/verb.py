"""See mmx at work: six messages through mmx and four small milters.

    mmx demo [NUMBER ...]        all messages, or only those with these numbers

Everything happens in this process and in a temporary directory: no Postfix, no root, no network. Colours are
used on a terminal unless NO_COLOR is set (https://no-color.org).
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from mmx.errors import EX_OK
from mmx.tools.arguments import Parser
from mmx.tools.colour import Paint, wants_colours
from mmx.tools.demo.scenes import Pace, Scene, Stage, scenes, scratch_directory
from mmx.tools.demo.text import tell

_EXAMPLES: Final = (
    ("mmx demo", "all six messages"),
    ("mmx demo 2 5", "only the second and the fifth"),
)
_OPENING: Final = """\
mmx is one milter to the MTA, and an MTA to the milters behind it, its children:

   SMTP client --> MTA --> mmx --+--> stamp    adds a header
                                 +--> words    refuses the word "casino" and one recipient
                                 +--> scan     looks at the message, which can take a while
                                 +--> footer   adds a header and a footer; not quite reliable

Below, the MTA hands mmx one message after another. For each: what the SMTP client is told, what
became of the message, and which milter saw what when, what it said, and how many ms that took.
"""
_CLOSING: Final = """\
What to do next
   README.md                      put mmx between your Postfix and its milters
   docs/tutorial/mail-filter.md   from an empty machine to a mail filter
   mmx --check-config             check the settings in /etc/mmx/mmx.yaml"""


def parser(verb: str) -> Parser:
    """The options."""
    made = Parser(verb, "See mmx at work: six messages through mmx and four small milters.", _EXAMPLES)
    numbers = range(1, len(scenes(Pace())) + 1)
    made.add_argument(
        "numbers",
        nargs="*",
        type=partial(_number, numbers),
        metavar="NUMBER",
        help=f"play only these messages ({numbers[0]} to {numbers[-1]})",
    )
    return made


def _number(numbers: range, text: str) -> int:
    if not text.isdecimal() or int(text) not in numbers:
        raise argparse.ArgumentTypeError(f"{text}: there are messages {numbers[0]} to {numbers[-1]}")
    return int(text)


def main(verb: str, argv: Sequence[str], pace: Pace | None = None) -> int:
    """Play and print; returns the exit code. Raises MmxError."""
    play = scenes(pace or Pace())
    wanted = parser(verb).parse_args(argv).numbers or range(1, len(play) + 1)
    asyncio.run(_perform([(number, play[number - 1]) for number in wanted], pace or Pace()))
    return EX_OK


async def _perform(play: list[tuple[int, Scene]], pace: Pace) -> None:
    paint = Paint(wants_colours(sys.stdout, os.environ))
    print(_OPENING)
    with scratch_directory() as directory:
        async with Stage(directory, pace) as stage:
            for number, scene in play:
                for line in tell(number, await stage.play(scene), paint):
                    print(line, flush=not line)
    print(_CLOSING)

"""`mmx held`: the mail that children had quarantined, and what to do with it.

    mmx held [list]                            Postfix's hold queue, with the child and its reason
    mmx held show ID                           its headers, or all of it
    mmx held release | delete | requeue ID...  let it go on, drop it, or run it through Postfix again
    mmx held flush SITE                        try mail for a site now

The hold queue is Postfix's, and its programs do the work (mmx.tools.held.postfix); who had what held is in
the daemon's ledger (mmx.tools.held.ledger). The daemon is not asked, and need not run.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmx.errors import EX_OK, InvalidValueError, PermissionsError, UnavailableError
from mmx.observe.log import escape
from mmx.settings.load import DEFAULT_PATH, load_leniently
from mmx.tools.arguments import Parser
from mmx.tools.colour import Paint, wants_colours
from mmx.tools.held.act import ACTS, carry_out, check_name, chosen, confirm_all, confirm_several
from mmx.tools.held.ledger import HeldMail, lay_over, read_ledger
from mmx.tools.held.postfix import PROGRAMS, Postfix, instance
from mmx.tools.held.queue import read_queue
from mmx.tools.held.text import as_json, name_of, summary, table

ACTIONS: Final = ("list", "show", "release", "delete", "requeue", "flush")
_PIECE: Final = 8 << 10
"""Bytes of a line of mail that are shown at once."""
_SITE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}|\[[A-Za-z0-9][A-Za-z0-9.:_-]{0,253}\]")
_DESCRIPTION: Final = (
    "List the mail that Postfix holds, and which child had it held and why; let it go or drop it."
)
_MORE: Final = """\
actions:
  list      what is on hold; the default
  show      the headers of a message, with --whole all of it
  release   let messages be delivered, and try that now
  delete    drop messages; nobody is told
  requeue   let messages pass through Postfix's address rewriting again, for example after virtual_alias_maps
            was changed. It does not scan them again: Postfix gives requeued mail to no milter. They are
            delivered, with new queue ids
  flush     try all mail for a domain or [ADDRESS] now; not what is on hold (see fast_flush_domains)

A message is named by its queue id. Postfix uses queue ids again, so mail that mmx does not know is named as
ID@ARRIVAL, as it is listed. If one name does not fit, nothing is done. Changes need root. More than one
message is asked about; with --all a phrase has to be typed, whatever else is said."""
_EXAMPLES: Final = (
    ("mmx held", "what is on hold, and why"),
    ("mmx held --child opendmarc --json", "what opendmarc had held, one JSON object a line"),
    ("mmx held show 4bZxWk2", "the headers of one message"),
    ("mmx held release 4bZxWk2 4bZxX01", "let two messages be delivered"),
    ("mmx held delete --all --child clamav-milter", "drop all that clamav-milter had held"),
)


def main(verb: str, argv: Sequence[str], programs: Path = PROGRAMS) -> int:
    """Carry out the command; the exit code. Raises MmxError."""
    made = parser(verb)
    options = made.parse_intermixed_args(argv)
    _check(made, options)
    postfix = Postfix(options.instance, _tell, programs=programs)
    if options.action == "flush":
        postfix.run("postqueue", "-s", options.name[0])
        return EX_OK
    if options.action in ("show", *ACTS) and not options.dry_run:
        _require_root(options.action)
    return _CARRY_OUT[options.action](options, postfix, _read(options, postfix))


def parser(verb: str) -> Parser:
    """The options."""
    made = Parser(verb, _DESCRIPTION, _EXAMPLES, _MORE)
    made.add_argument(
        "action", nargs="?", choices=ACTIONS, default="list", metavar="ACTION", help="see below"
    )
    made.add_argument("name", nargs="*", metavar="ID", help="queue ids, ID@ARRIVAL, or the site to flush")
    made.add_argument(
        *("-c", "--config"),
        type=Path,
        default=DEFAULT_PATH,
        metavar="FILE",
        help="settings file that says where the ledger is (default: %(default)s)",
    )
    made.add_argument("--ledger", type=Path, metavar="FILE", help="the ledger of quarantined mail itself")
    made.add_argument(
        *("-i", "--instance"),
        type=_argument(instance),
        metavar="NAME",
        help="the Postfix instance, as postmulti(1) names it",
    )
    made.add_argument("--child", metavar="CHILD", help="list, --all: only what this child had held")
    made.add_argument("--json", action="store_true", help="list: one JSON object a message, each on one line")
    made.add_argument("--whole", action="store_true", help="show: envelope, headers and body")
    made.add_argument(
        "--all", action="store_true", help="release, delete, requeue: all that went through mmx"
    )
    made.add_argument("-y", "--yes", action="store_true", help="do not ask about more than one message")
    made.add_argument("-n", "--dry-run", action="store_true", help="say what would be done, and do nothing")
    return made


def _argument(check: Callable[[str], str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return check(text)
        except InvalidValueError as error:
            raise argparse.ArgumentTypeError(f"{escape(text)}: {error}") from None

    return read


_FITS: Final = {
    "child": ("list", *ACTS),
    "json": ("list",),
    "whole": ("show",),
    "all": tuple(ACTS),
    "yes": tuple(ACTS),
    "dry_run": tuple(ACTS),
}
"""Options that only some actions have."""


def _check(made: Parser, options: argparse.Namespace) -> None:
    """End with usage where words do not go together."""
    action, names = options.action, options.name
    for option, actions in _FITS.items():
        if getattr(options, option) and action not in actions:
            made.error(f"--{option.replace('_', '-')} is for {', '.join(actions)}")
    if action in ACTS and options.all == bool(names):
        made.error(f"{action} wants queue ids, or --all")
    if action in ACTS and options.child and not options.all:
        made.error("--child is for list, and for --all")
    if action in ("show", "flush") and len(names) != 1:
        made.error(f"{action} wants one {'queue id' if action == 'show' else 'site'}")
    if action == "list" and names:
        made.error("list wants no queue ids")
    check = _site if action == "flush" else check_name
    for name in names:
        try:
            check(name)
        except InvalidValueError as error:
            made.error(f"{escape(name)}: {error}")


def _site(text: str) -> str:
    if not _SITE.fullmatch(text):
        raise InvalidValueError("no site", "write a domain, or an address in brackets")
    return text


def _require_root(action: str) -> None:
    if os.geteuid() != 0:
        raise PermissionsError(f"mmx held {action} needs root, as Postfix's queue does: try sudo")


@dataclass(frozen=True, slots=True)
class Held:
    """What is on hold; `ledger` None: there is none. One that was never written is empty."""

    mails: list[HeldMail]
    ledger: Path | None


def _read(options: argparse.Namespace, postfix: Postfix) -> Held:
    ledger = _ledger(options)
    queue = read_queue(postfix)
    for complaint in queue.complaints():
        _tell(complaint)
    claims = read_ledger(ledger, (mail.queue_id for mail in queue.mails)) if ledger else {}
    return Held(lay_over(queue.mails, claims), ledger)


def _ledger(options: argparse.Namespace) -> Path | None:
    if options.ledger is not None:
        return Path(options.ledger)
    told = load_leniently(options.config).held.ledger
    if not os.access(options.config, os.R_OK):
        _tell(f"{options.config} cannot be read: is the ledger {told}? If not, name it with --ledger")
    if told is None:
        _tell(f"{options.config} says `held: {{ledger: null}}`: who had mail held is not known")
        return None
    if not os.path.lexists(Path(told).parent):
        _tell(f"there is no directory {Path(told).parent} for the ledger: who had mail held is not known")
        return None
    return Path(told)


def _list(options: argparse.Namespace, _postfix: Postfix, held: Held) -> int:
    has_ledger = held.ledger is not None
    mails = [one for one in held.mails if not options.child or one.is_of(options.child)]
    if options.json:
        for one in mails:
            print(as_json(one, has_ledger=has_ledger))
        return EX_OK
    _print_table(mails, has_ledger=has_ledger)
    print(summary(mails, has_ledger=has_ledger))
    return EX_OK


def _show(options: argparse.Namespace, postfix: Postfix, held: Held) -> int:
    mails = chosen(options.name, held.mails)
    _print_table(mails, has_ledger=held.ledger is not None)
    print()
    words = "-q" if options.whole else "-qh"
    for piece in postfix.read("postcat", words, mails[0].mail.queue_id, piece=_PIECE):
        end = "\n" if piece.endswith(b"\n") else ""
        print(escape(piece.rstrip(b"\r\n").expandtabs(), 4 * _PIECE), end=end)
    return EX_OK


def _act(options: argparse.Namespace, postfix: Postfix, held: Held) -> int:
    if options.all:
        mails = [one for one in held.mails if one.claim and (not options.child or one.is_of(options.child))]
        if not mails:
            raise UnavailableError("no such mail is on hold: nothing was done")
    else:
        mails = chosen(options.name, held.mails)
    if options.dry_run:
        _print_table(mails, has_ledger=held.ledger is not None)
        print(f"would {options.action}: {' '.join(name_of(one) for one in mails)}")
        return EX_OK
    if options.all:
        _print_table(mails, has_ledger=held.ledger is not None)
        confirm_all(options.action, len(mails))
    elif len(mails) > 1 and not options.yes:
        _print_table(mails, has_ledger=held.ledger is not None)
        confirm_several(options.action, len(mails))
    return carry_out(options.action, mails, postfix)


_CARRY_OUT: Final = {"list": _list, "show": _show, **dict.fromkeys(ACTS, _act)}


def _print_table(mails: Sequence[HeldMail], *, has_ledger: bool) -> None:
    paint = Paint(wants_colours(sys.stdout, os.environ))
    for line in table(mails, paint, has_ledger=has_ledger) if mails else []:
        print(line)


def _tell(text: str) -> None:
    print(f"mmx held: {text}", file=sys.stderr)

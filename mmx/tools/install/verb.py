"""`mmx install` and `mmx uninstall`: mmx as a service of this host, and Postfix connected to it.

    mmx install [--dry-run] [--postfix | --groups] [--root DIR]
    mmx uninstall [--dry-run] [--postfix] [--root DIR]

Without --postfix, Postfix's configuration is only looked at: the lines for it are printed. With it, what
stands there is saved, shown, and replaced by mmx; `uninstall --postfix` puts it back. --groups only makes the
user mmx a member of the milters' groups. All need root, except for a dry run. --root works on the tree of
another system and starts nothing.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mmx.detect.commands import Run, run
from mmx.detect.host import Host
from mmx.errors import EX_OK, PermissionsError, UnavailableError
from mmx.settings.endpoint import ChildEndpoint
from mmx.tools.arguments import Parser
from mmx.tools.install.host import (
    SETTINGS,
    SYSTEMCTL,
    Facts,
    account_steps,
    facts_of,
    install_steps,
    program,
    root_option,
    uninstall_steps,
)
from mmx.tools.install.package import is_packaged, join_steps, notes, refuse_another
from mmx.tools.install.postfix import (
    MILTER,
    SAVED,
    Postfix,
    changes_to,
    connect_steps,
    refuse_losses,
    restore_steps,
    still_used,
)
from mmx.tools.install.steps import Step, Target, carry_out

_TOLD: Final = {
    "install": "Make mmx a service of this host, and with --postfix the milter of its Postfix.",
    "uninstall": "Undo what `mmx install` did.",
}
_EXAMPLES: Final = {
    "install": (
        ("mmx install --dry-run", "what it would do, with the text of each file; needs no root"),
        ("mmx install --postfix", "make mmx, which runs already, Postfix's milter"),
        ("mmx install --groups", "after another milter was installed: let mmx use its socket"),
    ),
    "uninstall": (
        ("mmx uninstall --postfix", "give Postfix its former milters back, then remove the service"),
        ("mmx uninstall --dry-run", "what it would do"),
    ),
}
_BUS: Final = "/run/dbus/system_bus_socket"
"""How users other than root reach systemd."""
_NEXT: Final = f"""\
next:
  mmx --check-config              which milters are in the chain, and what mmx may not use
  systemctl start mmx             then look at: systemctl status mmx
  mmx install --postfix           or by hand, in /etc/postfix/main.cf, and `postfix reload`:
      smtpd_milters = {MILTER}
      milter_default_action = tempfail
  mmx check                       what is not right yet, and the commands that mend it"""


def main(verb: str, argv: Sequence[str], runner: Run = run) -> int:
    """Carry out `install` or `uninstall`; the exit code. Raises MmxError."""
    options = parser(verb).parse_args(argv)
    target = Target(options.root.absolute(), runner)
    if not options.dry_run and target.is_host and os.geteuid() != 0:
        raise PermissionsError(
            f"mmx {verb} changes /etc and needs root: sudo {sys.argv[0]} {verb}; "
            f"`mmx {verb} --dry-run` shows what it would do"
        )
    if verb == "install":
        _install(target, options)
    else:
        _uninstall(target, options)
    return EX_OK


def parser(verb: str) -> Parser:
    """The options."""
    made = Parser(verb, _TOLD[verb], _EXAMPLES[verb])
    made.add_argument("-n", "--dry-run", action="store_true", help="say what would be done, and do nothing")
    what = made.add_mutually_exclusive_group()
    what.add_argument(
        "--postfix",
        action="store_true",
        help="make mmx Postfix's milter" if verb == "install" else "give Postfix its former milters back",
    )
    if verb == "install":
        what.add_argument(
            "--groups",
            action="store_true",
            help="only make the user mmx a member of the group of each milter that is there",
        )
    made.add_argument(
        "--root", type=Path, default=Path("/"), metavar="DIR", help="the tree of another system"
    )
    return made


def _install(target: Target, options: argparse.Namespace) -> None:
    if options.postfix:
        _connect(target, dry=options.dry_run)
        return
    facts = facts_of(target)
    command = program() if target.is_host else sys.argv[0]
    steps = _steps(facts, target, command, only_groups=options.groups)
    carry_out(steps, target, print, dry=options.dry_run)
    if is_packaged(target):
        _tell(*notes(facts, target))
    if target.is_host:
        if not options.groups and not Path(_BUS).exists():
            print(f"there is no {_BUS}: without it mmx cannot ask systemd for the milters; install dbus")
        if target.changed and _is_active(target):
            print("mmx runs with its former units and groups: systemctl restart mmx")
        if not options.groups:
            print(_NEXT)


def _steps(facts: Facts, target: Target, command: str, *, only_groups: bool) -> list[Step]:
    if is_packaged(target):
        if target.is_host:
            refuse_another(command)
        return join_steps(facts, target)
    if only_groups:
        return account_steps(facts, root_option(target))
    return install_steps(facts, target, command)


def _tell(*lines: str) -> None:
    for line in lines:
        print(f"mmx: {line}", file=sys.stderr)


def _connect(target: Target, *, dry: bool) -> None:
    if target.is_host and not _is_active(target):
        raise UnavailableError(
            "mmx does not run, and without it Postfix would defer all mail: "
            "mmx install && systemctl start mmx, then look at systemctl status mmx"
        )
    postfix = Postfix(target)
    refuse_losses(postfix, _children(target))
    changes = changes_to(postfix)
    for change in changes:
        print(change)
    carry_out(connect_steps(postfix, changes, target), target, print, dry=dry)
    if changes and not dry:
        print(f"the former values are in {target.place(SAVED)}; `mmx uninstall --postfix` puts them back")


def _children(target: Target) -> list[ChildEndpoint]:
    """Where the children of mmx listen, by its settings; none of those of a tree are looked for."""
    if not target.is_host:
        return []
    settings = Host().load(Path(SETTINGS)).settings
    return [child.endpoint for child in settings.children if child.endpoint is not None]


def _uninstall(target: Target, options: argparse.Namespace) -> None:
    postfix = Postfix(target) if options.postfix or target.place("/etc/postfix/main.cf").exists() else None
    if postfix is not None and options.postfix:
        steps = restore_steps(postfix, target, print)
        carry_out(steps, target, print, dry=options.dry_run)
        if options.dry_run:
            return
        target.changed = False
        postfix = Postfix(target)
    used = still_used(postfix) if postfix is not None else []
    if used:
        raise UnavailableError(
            f"Postfix still uses mmx ({', '.join(used)}) and would defer all mail without it: "
            "mmx uninstall --postfix gives it its former milters back"
        )
    if is_packaged(target):
        print("the service belongs to the package: apt-get remove mmx takes it away")
        return
    carry_out(uninstall_steps(target), target, print, dry=options.dry_run)
    print("the user mmx, /etc/mmx and /var/lib/mmx stay; remove them by hand if you want")


def _is_active(target: Target) -> bool:
    answer = target.run((SYSTEMCTL, "is-active", "--quiet", "mmx.service"), 30.0)
    return not answer.failure and answer.status == 0

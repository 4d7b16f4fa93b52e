"""The command `mmx`.

    mmx [--config FILE]                  run in the foreground until SIGTERM
    mmx --check-config [--quiet]         tell every error and warning in the settings; exit 0 or 78
    mmx --show-config [--json]           print the effective settings, each with where it came from
    mmx --show-config --running          the same of the mmx that runs
    mmx check                            say what is wrong, and the commands that mend it
    mmx demo [ARGUMENTS]                 see mmx at work with small milters of its own
    mmx explain --client ADDRESS ...     tell which children would see a mail, and why
    mmx test [MAIL ...]                  play a mail to mmx or a milter, and tell what becomes of it
    mmx status, sessions, trace          see what the mmx that runs does
    mmx reload, disable, enable, drain   change what it does
    mmx completion SHELL                 print what a shell needs to complete command lines
    mmx held [show|release|delete ...]   the mail that children had held
    mmx bench [ARGUMENTS]                put a load on mmx or a milter, and tell how fast it is
    mmx filter SCRIPT.yaml ...           be a milter that does what a script says
    mmx install [--dry-run] [--postfix]  make mmx a service of this host; `mmx uninstall` undoes it

Exit codes are those of sysexits.h (mmx.errors); 0 when all is well. What is asked for goes to standard
output, everything else to standard error. When nobody reads either any more, the exit code stays what it was.
"""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from mmx import __version__
from mmx.detect.host import Host
from mmx.errors import EX_INTERRUPTED, EX_IOERR, EX_OK, EX_SOFTWARE, MmxError
from mmx.observe.log import LOGGER, set_up
from mmx.settings.load import DEFAULT_PATH, Loaded, Loader
from mmx.settings.model import LogLevel
from mmx.settings.show import show, show_json
from mmx.tools.arguments import Parser
from mmx.tools.verbs import VERBS

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_EXAMPLES: Final = (
    ("mmx --check-config", "what is wrong in the settings, and which milters are in the chain"),
    ("mmx --show-config --json", "the settings in force and where each comes from, for programs"),
    ("mmx status", "how the mmx that runs and its children do"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (that of the process when None); returns the exit code."""
    _replace_closed_output()
    parser = make_parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command is None:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if options.json and not options.show_config:
        parser.error("--json is for --show-config")
    if options.running and not options.show_config:
        parser.error("--running is for --show-config")
    try:
        code = _carry_out(options, rest)
        sys.stdout.flush()
        return code
    except MmxError as error:
        _tell(str(error))
        return error.exit_code
    except BrokenPipeError:
        return EX_OK
    except KeyboardInterrupt:
        return EX_INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _tell(f"mmx: what was asked for cannot be written: {error.strerror}")
            return EX_IOERR
        # A fault of mmx itself: whoever reports it needs the traceback.
        logging.getLogger(LOGGER).exception("internal error: mmx ends")
        return EX_SOFTWARE
    finally:
        _close_output()


def _carry_out(options: argparse.Namespace, rest: list[str]) -> int:
    if options.command is None:
        return _run(options)
    verb = next(verb for verb in VERBS if verb.name == options.command)
    if verb.with_settings and options.config != DEFAULT_PATH:
        rest = ["--config", str(options.config), *rest]
    return verb.run(rest)


def make_parser() -> Parser:
    """The options of mmx itself, and its verbs."""
    parser = Parser("", "A milter multiplexer for Postfix.", _EXAMPLES)
    parser.add_argument("--version", action="version", version=f"mmx {__version__}")
    parser.add_argument(
        *("-c", "--config"),
        type=Path,
        default=DEFAULT_PATH,
        metavar="FILE",
        help="main settings file; conf.d/*.yaml beside it are laid over it (default: %(default)s)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check-config", action="store_true", help="check the settings; exit with 0 or 78")
    what.add_argument("--show-config", action="store_true", help="print the effective settings")
    parser.add_argument("--json", action="store_true", help="with --show-config: print it as JSON")
    parser.add_argument(
        "--running",
        action="store_true",
        help="with --show-config: those of the mmx that runs",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="with --check-config: only errors")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log everything, as log.level debug does"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=argparse.ArgumentParser)
    # What follows a command is for the command to understand, --help too.
    for verb in VERBS:
        commands.add_parser(verb.name, help=verb.told, add_help=False)
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.running:
        from mmx.tools.control_client import running_settings  # noqa: PLC0415  # the daemon has no use for it

        print(running_settings(options.config, as_json=options.json), end="")
        return EX_OK
    host = Host()
    loaded = host.load(options.config)
    if options.show_config:
        whole = show(loaded.settings, loaded.origins, loaded.detection)
        print(show_json(loaded) if options.json else whole, end="")
        return EX_OK
    if options.check_config:
        _require_packages(loaded)
        if not options.quiet:
            _report(loaded, options.config)
        return EX_OK
    return _serve(_verbose(loaded) if options.verbose else loaded, options.config, host)


def _require_packages(loaded: Loaded) -> None:
    """Raise UnavailableError where the daemon would: a condition needs a package that is not there."""
    from mmx.aio.dns_query import require_dnspython  # noqa: PLC0415  # only needed here
    from mmx.aio.plan import make_chain  # noqa: PLC0415  # likewise

    if make_chain(loaded.settings).dns_lists:
        require_dnspython()


def _report(loaded: Loaded, path: Path) -> None:
    from mmx.aio.access import complaints, service_account  # noqa: PLC0415  # only needed here

    _tell(*(f"warning: {warning}" for warning in loaded.warnings))
    account = service_account()
    if account is not None:
        _tell(*(f"warning: {text}" for text in complaints(loaded.settings.chain, account)))
    print(f"{path}: valid, children in the chain: {len(loaded.settings.chain)}")
    for child in loaded.settings.chain:
        origin = loaded.origins[f"children.{child.name}.endpoint"]
        print(f"  {child.name} at {child.endpoint} ({origin})")
    for child in loaded.settings.observed:
        origin = loaded.origins[f"children.{child.name}.endpoint"]
        print(f"  {child.name} at {child.endpoint} ({origin}), only observing")
    for skipped in loaded.detection.skipped:
        print(f"  skipped {skipped.name}: {skipped.reason}")


def _serve(loaded: Loaded, path: Path, loader: Loader) -> int:
    from mmx.aio.service import run  # noqa: PLC0415  # only the daemon needs an event loop

    set_up(loaded.settings.log)
    for warning in loaded.warnings:
        logging.getLogger(LOGGER).warning("%s", warning)
    return run(loaded, path, loader)


def _verbose(loaded: Loaded) -> Loaded:
    log = replace(loaded.settings.log, level=LogLevel.DEBUG)
    origins = {**loaded.origins, "log.level": "--verbose"}
    return replace(loaded, settings=replace(loaded.settings, log=log), origins=origins)


def _tell(*lines: str) -> None:
    with suppress(BrokenPipeError):
        for line in lines:
            print(line, file=sys.stderr)


def _replace_closed_output() -> None:
    """Python has None for a stream whose descriptor whoever started mmx has closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  # open until the end


def _close_output() -> None:
    """Flush standard output here: Python's own attempt at exit would complain of a pipe or a disk."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

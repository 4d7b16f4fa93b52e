"""The manual pages: mmx(8), a page for each verb, mmx.yaml(5).

    python3 -m mmx.tools.manual DIR     writes DIR/man8/mmx.8, DIR/man8/mmx-status.8, DIR/man5/mmx.yaml.5 ...

Pages on commands are made from the parsers that `--help` is made from; mmx.yaml(5), and what mmx(8) says of
signals, exit statuses and the environment, from the pages below docs/reference, which tests compare with the
code. With SOURCE_DATE_EPOCH in the environment the same source gives the same bytes.
"""

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from mmx import __version__
from mmx.errors import EX_OK, MmxError, UnavailableError
from mmx.settings.load import DEFAULT_PATH
from mmx.settings.model import Settings
from mmx.tools.arguments import Parser, hanging, is_indented
from mmx.tools.command_tree import Argument, Command, command_tree, usage
from mmx.tools.install.host import shipped
from mmx.tools.manual.roff import Page, bold, escape, inline, italic
from mmx.tools.manual.text import Section, sections, write_lines
from mmx.tools.verbs import VERBS

_PROGRAM: Final = "python3 -m mmx.tools.manual"
_EXAMPLES: Final = (
    (f"{_PROGRAM} /usr/local/share/man", "where man looks for pages of programs that no package brought"),
    (f"SOURCE_DATE_EPOCH=0 {_PROGRAM} man", "the same bytes each time"),
)
_COMMANDS: Final = 8
_FILES: Final = 5
_COMMAND: Final = "COMMAND"
_NAMES: Final = {verb.name: verb.module for verb in VERBS}
_OPTION: Final = re.compile(
    r"(?<![\w-])(--?[a-z][a-z-]*)|(?<![\w.])([A-Z][A-Z.]*(?:[=:][A-Z]+)*|[a-z]+\.eml)"
)
_PROSE: Final = re.compile(r"(?!mmx\b)[a-z'-]+(?:[ ,.;]|$)")
"""How sentences begin, and names, paths and endpoints do not."""
_WORD: Final = re.compile(r"[\w, -]+: ")
_STATUS: Final = "0 when all is well, 64 after a wrong command line; the others are listed in mmx(8)."
_STATUS_ABOVE: Final = "As told above; 64 after a wrong command line, the others are listed in mmx(8)."
_FROM_REFERENCE: Final = ("Signals", "Exit status", "Environment")
_ABOUT: Final = (
    "`mmx` is one milter to Postfix, and an MTA to the milters behind it, its children. It shows each "
    "message to the children that should see it, in order, and answers with one verdict and one set of "
    "changes."
)
_START: Final = (
    "Without a command it runs in the foreground until a signal ends it; as a service it is started by "
    "`systemctl start mmx`."
)
_MAIN_CF: Final = "Postfix has these lines in `/etc/postfix/main.cf`; `mmx install --postfix` writes them:"
_MAIN_CF_LINES: Final = ("smtpd_milters = unix:mmx/mmx.sock", "milter_default_action = tempfail")


def main(argv: Sequence[str]) -> int:
    """Write all pages below the directory that the command line names; the exit code. Raises MmxError."""
    directory: Path = parser().parse_args(argv).directory
    for name, text in pages(_date()).items():
        path = directory / f"man{name[-1]}" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        except OSError as error:
            raise UnavailableError(f"cannot write {path}: {error.strerror}") from None
    return EX_OK


def parser() -> Parser:
    """The options."""
    made = Parser("manual", "Write the manual pages.", _EXAMPLES)
    made.prog = _PROGRAM
    made.add_argument("directory", type=Path, metavar="DIR", help="as in MANPATH: it gets man5 and man8")
    return made


def pages(date: str) -> dict[str, str]:
    """File names, such as mmx-status.8, and the pages."""
    tree = command_tree()
    made = {"mmx.8": _main_page(tree, date), "mmx.yaml.5": _settings_page(date)}
    return made | {f"mmx-{verb.words[0]}.8": _verb_page(verb, date) for verb in tree.commands}


def _date() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return now.date().isoformat()


def _page(name: str, section: int, told: str, date: str) -> Page:
    page = Page(name, section, date, f"mmx {__version__}")
    page.section("Name")
    page.paragraph(f"{escape(name)} \\- {escape(told)}")
    return page


def _main_page(tree: Command, date: str) -> str:
    page = _page("mmx", _COMMANDS, tree.told, date)
    _write_synopsis(page, [tree])
    page.section("Description")
    for text in (_ABOUT, _START, _MAIN_CF):
        page.paragraph(inline(text))
    page.verbatim(_MAIN_CF_LINES)
    page.section("Commands")
    for verb in tree.commands:
        page.entry(_reference(f"mmx-{verb.words[0]}", _COMMANDS), inline(_sentence(verb.told)))
    _write_arguments(page, "Options", tree.options)
    _write_examples(page, tree.parser)
    for section in sections(shipped("docs/reference/command-line.md")):
        if section.title in _FROM_REFERENCE:
            page.section(section.title)
            write_lines(page, section.lines)
    page.section("Files")
    for path, told in _files().items():
        page.entry(bold(path), inline(told))
    _write_see_also(
        page, [*(f"mmx-{verb.words[0]}" for verb in tree.commands)], "postconf(5)", "systemctl(1)"
    )
    return page.text()


def _files() -> dict[str, str]:
    settings = Settings()
    listener = settings.listeners[0].name.partition(":")[2]
    return {
        str(DEFAULT_PATH): "The settings, see mmx.yaml(5).",
        f"{DEFAULT_PATH.parent}/conf.d/*.yaml": "Settings laid over them, in the order of their names.",
        listener: "Where Postfix reaches mmx.",
        str(settings.control_socket): "Where commands reach the mmx that runs.",
        settings.spool_directory: "Bodies that are too long for memory; the files have no names.",
    }


def _verb_page(verb: Command, date: str) -> str:
    name = verb.words[0]
    page = _page(f"mmx-{name}", _COMMANDS, verb.told, date)
    _write_synopsis(page, verb.walk())
    page.section("Description")
    _write_text(page, verb.parser.description or "")
    if isinstance(verb.parser, Parser):
        _write_text(page, verb.parser.more)
    _write_arguments(page, "Arguments", verb.arguments)
    _write_arguments(page, "Options", verb.options)
    if verb.commands:
        page.section("Commands")
        for command in verb.commands:
            _write_command(page, command)
    _write_examples(page, verb.parser)
    page.section("Exit status")
    told = "xit status" in (verb.parser.epilog or "")
    page.paragraph(inline(_STATUS_ABOVE if told else _STATUS))
    alike = [f"mmx-{other}" for other, module in _NAMES.items() if module == _NAMES[name] and other != name]
    _write_see_also(page, ["mmx", *alike], "mmx.yaml(5)")
    return page.text()


def _write_command(page: Page, command: Command) -> None:
    page.subsection(" ".join(("mmx", *command.words)))
    page.paragraph(inline(_sentence(command.parser.description or command.told)))
    for argument in (*command.arguments, *command.options):
        _write_argument(page, argument)


def _settings_page(date: str) -> str:
    page = _page("mmx.yaml", _FILES, "settings of mmx", date)
    settings, *parts = sections(shipped("docs/reference/settings.md"))
    page.section("Description")
    write_lines(page, settings.lines)
    for part in parts:
        _write_section(page, part, part.title)
    about, *parts = sections(shipped("docs/reference/conditions.md"))
    _write_section(page, about, "How conditions are written")
    for part in parts:
        _write_section(page, part, part.title, deeper=1)
    _write_see_also(page, ["mmx", "mmx-explain"], "postconf(5)")
    return page.text()


def _write_section(page: Page, part: Section, title: str, deeper: int = 0) -> None:
    (page.section if part.level + deeper <= 2 else page.subsection)(title)
    write_lines(page, part.lines)


# Parts of pages.


def _write_synopsis(page: Page, commands: Iterable[Command]) -> None:
    page.section("Synopsis")
    for command in commands:
        name = command.parser.prog
        words = usage(command.parser).removeprefix(name)
        if not command.commands:
            page.paragraph(bold(name) + "".join(_marked(words)))
        elif not command.words:
            page.paragraph(bold(name) + "".join(_marked(words.removesuffix(f" {_COMMAND} ..."))))
            page.paragraph(bold(name) + "".join(_marked(f" [-c FILE] {_COMMAND} [ARGUMENT ...]")))


def _marked(words: str) -> Iterator[str]:
    end = 0
    for match in _OPTION.finditer(words):
        yield escape(words[end : match.start()])
        yield bold(match[1]) if match[1] else italic(match[2])
        end = match.end()
    yield escape(words[end:])


def _write_text(page: Page, text: str) -> None:
    for block in filter(None, text.split("\n\n")):
        lines = block.strip("\n").splitlines()
        if not is_indented(lines):
            page.paragraph(inline(" ".join(lines)))
            continue
        for kind, group in groupby(hanging(lines), _kind_of):
            _WRITE[kind](page, list(group))


def _kind_of(line: tuple[str, str]) -> str:
    before, text = line
    return "entries" if before else "verbatim" if text.startswith(" ") else "text"


def _write_entries(page: Page, lines: Sequence[tuple[str, str]]) -> None:
    for before, told in lines:
        page.entry(bold(before.strip()), inline(told))


def _write_verbatim(page: Page, lines: Sequence[tuple[str, str]]) -> None:
    page.verbatim(textwrap.dedent("\n".join(line for _, line in lines)).splitlines())


def _write_paragraph(page: Page, lines: Sequence[tuple[str, str]]) -> None:
    page.paragraph(inline(" ".join(line for _, line in lines)))


_WRITE: Final = {"entries": _write_entries, "verbatim": _write_verbatim, "text": _write_paragraph}


def _write_arguments(page: Page, title: str, arguments: Sequence[Argument]) -> None:
    if arguments:
        page.section(title)
    for argument in arguments:
        _write_argument(page, argument)


def _write_argument(page: Page, argument: Argument) -> None:
    value = "".join(_marked(argument.value))
    tag = ", ".join(f"{bold(name)} {value}".rstrip() for name in argument.names) or value
    # "show: all of it" begins with a word of the command line.
    told = argument.told if _WORD.match(argument.told) else _sentence(argument.told)
    page.entry(tag, inline(told))


def _write_examples(page: Page, parser: argparse.ArgumentParser) -> None:
    if not isinstance(parser, Parser):
        return
    page.section("Examples")
    for line, told in parser.examples:
        page.paragraph(f"{inline(_capital(told))}:")
        page.verbatim([line])


def _write_see_also(page: Page, commands: Iterable[str], *others: str) -> None:
    page.section("See also")
    names = [(name, str(_COMMANDS)) for name in commands]
    names += [(name, section.rstrip(")")) for name, section in (other.split("(") for other in others)]
    page.paragraph(", ".join(_reference(name, section) for name, section in names))


def _reference(name: str, section: int | str) -> str:
    return f"{bold(name)}({section})"


def _sentence(text: str) -> str:
    end = "" if not text or text.endswith((".", ")")) else "."
    return f"{_capital(text)}{end}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if _PROSE.match(text) else text


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MmxError as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

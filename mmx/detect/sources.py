"""Where a milter listens: the sources of its catalog entry, asked in their order. Pure.

A source that says nothing leaves it to the next. A source that cannot be read ends the search with the
reason: what it says might be other than what a later one would, and a guess could leave mail unscanned.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mmx.detect.command_line import Said, expand, option
from mmx.detect.facts import Facts, Failure, Files, Unit
from mmx.detect.greylist_conf import read_socket
from mmx.detect.keyword_file import example_line, read_keyword
from mmx.detect.rspamd_dump import read_proxy
from mmx.detect.shell_file import read_environment, read_shell
from mmx.detect.socket_text import libmilter_socket, listen_socket, rspamd_socket
from mmx.detect.unit_file import line_of
from mmx.errors import InvalidValueError
from mmx.settings import catalog
from mmx.settings.catalog import Grammar, Milter, Source
from mmx.settings.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Heard:
    """An endpoint, and where it was read."""

    endpoint: Endpoint
    origin: str


@dataclass(frozen=True, slots=True)
class NoMilter:
    """The program runs, but is not set up to be a milter."""

    reason: str


NO_PROXY: Final = "its proxy worker does not speak the milter protocol"
Outcome = Heard | NoMilter | Failure


def where_it_listens(milter: Milter, unit: Unit, facts: Facts) -> Outcome:
    """The socket of a milter that this unit starts, or why it cannot be told."""
    try:
        variables = _variables(unit, facts.files)
        words = expand(unit.argv, variables)
        for source in milter.sources:
            outcome = _ask(source, unit, words, variables, facts)
            if outcome is not None:
                return outcome
    except _UnreadableError as error:
        return Failure(str(error))
    return Failure("nothing says where it listens")


def listens_for(unit: Unit) -> Outcome | None:
    """The first stream socket of a socket unit; None if it has none."""
    for text in unit.listen:
        try:
            endpoint = listen_socket(text)
        except InvalidValueError as error:
            return Failure(f"{unit.name}: {text}: {error.message}")
        if endpoint is not None:
            return Heard(endpoint, unit.fragment or unit.name)
    return None


def files_of(milter: Milter, unit: Unit, files: Files) -> frozenset[str]:
    """Every file that may say where the milter listens, as far as `files` tells so far."""
    wanted = {unit.fragment, *unit.drop_ins, *unit.environment_files}
    words = expand(unit.argv, _readable_variables(unit, files))
    for source in milter.sources:
        if isinstance(source, catalog.ConfFile):
            wanted |= {*source.paths, *(said.text for said in _named(source, words))}
        elif isinstance(source, catalog.InitFile) and unit.from_init_script:
            wanted.add(source.path)
    if milter.switch is not None and unit.from_init_script:
        wanted.add(milter.switch.path)
    return frozenset(path for path in wanted if path.startswith("/"))


class _UnreadableError(Exception):
    """A file that matters cannot be read, or does not say plainly what it means; the text says why."""


def _ask(
    source: Source, unit: Unit, words: list[Said], variables: Mapping[str, Said], facts: Facts
) -> Outcome | None:
    """What one source says; None leaves it to the next."""
    if isinstance(source, catalog.ProxyWorker):
        return _proxy(facts.workers)
    if isinstance(source, catalog.Compiled):
        if source.init and not unit.from_init_script:
            return None
        if source.beside and source.beside not in facts.existing:
            return None
        return _heard(Said(source.socket, f"default of {unit.source or unit.name}"))
    if isinstance(source, catalog.Option):
        said = option(words, source.flag)
        return None if said is None or "$" in said.text else _heard(_placed(said, unit, facts.files))
    if isinstance(source, catalog.Variable):
        value = variables.get(source.name)
        return None if value is None or not value.text else _heard(_placed(value, unit, facts.files))
    if isinstance(source, catalog.InitFile):
        return _init_file(source, facts.files) if unit.from_init_script else None
    return _conf_file(source, words, facts.files)


def _heard(said: Said) -> Outcome:
    try:
        return Heard(libmilter_socket(said.text), said.origin)
    except InvalidValueError as error:
        return Failure(f"{said.origin}: {said.text}: {error.message}")


def _placed(said: Said, unit: Unit, files: Files) -> Said:
    """The same, with the line of the unit's files if it stands on the command line itself."""
    if said.origin:
        return said
    for path in (*reversed(unit.drop_ins), unit.fragment):
        data = files.get(path)
        for name in ("ExecStart", "Environment"):
            if isinstance(data, bytes) and (line := line_of(data, name, said.text)) is not None:
                return Said(said.text, f"{path}:{line}")
    return Said(said.text, unit.fragment or unit.name)


def _variables(unit: Unit, files: Files) -> dict[str, Said]:
    """The environment of the unit; an EnvironmentFile wins over Environment=, a later one over an earlier."""
    for path in unit.environment_files:
        data = files.get(path)
        if isinstance(data, Failure):
            raise _UnreadableError(f"{path}: {data.reason}")
    return _readable_variables(unit, files)


def _readable_variables(unit: Unit, files: Files) -> dict[str, Said]:
    variables = {name: Said(text) for name, text in unit.environment.items()}
    for path in unit.environment_files:
        data = files.get(path)
        if isinstance(data, bytes):
            read = read_environment(data)
            variables |= {name: Said(value.text, f"{path}:{value.line}") for name, value in read.items()}
    return variables


def _init_file(source: catalog.InitFile, files: Files) -> Outcome | None:
    said = shell_variable(source.path, source.name, files)
    return None if said is None or not said.text else _heard(said)


def shell_variable(path: str, name: str, files: Files) -> Said | None:
    """A variable of a file that an init script reads; None if it is not set there."""
    data = files.get(path)
    if data is None:
        return None
    if isinstance(data, Failure):
        raise _UnreadableError(f"{path}: {data.reason}")
    found = read_shell(data, {})
    if name not in found:
        return None
    value = found[name]
    if value is None:
        raise _UnreadableError(f"{path}: only a shell could tell what {name} is")
    return Said(value.text, f"{path}:{value.line}")


def is_switched_off(milter: Milter, files: Files) -> str:
    """Why the init script starts nothing; "" if it does, or if that cannot be told."""
    if milter.switch is None:
        return ""
    path, name = milter.switch.path, milter.switch.name
    try:
        said = shell_variable(path, name, files) or Said(milter.switch.default, path)
    except _UnreadableError:
        return ""
    return "" if said.text == "1" else f"its init script starts nothing: {name}={said.text} ({said.origin})"


def _named(source: catalog.ConfFile, words: list[Said]) -> Iterator[Said]:
    """The file that the command line names, if it does."""
    for flag in source.flags:
        said = option(words, flag) if flag else (words[1] if len(words) > 1 else None)
        if said is not None and said.text.startswith("/"):
            yield said


def _conf_file(source: catalog.ConfFile, words: list[Said], files: Files) -> Outcome | None:
    named = next(_named(source, words), None)
    path = named.text if named else next((path for path in source.paths if path in files), None)
    if path is None:
        return None
    data = files.get(path)
    if not isinstance(data, bytes):
        reason = data.reason if isinstance(data, Failure) else "not there, but named on the command line"
        raise _UnreadableError(f"{path}: {reason}")
    if source.grammar is Grammar.GREYLIST:
        value = read_socket(data)
    else:
        value = read_keyword(data, source.keyword, source.grammar)
    if source.grammar is Grammar.CLAMAV and (line := example_line(data)) is not None:
        return Failure(f"{path}:{line}: the line `Example` keeps it from starting")
    return None if value is None else _heard(Said(value.text, f"{path}:{value.line}"))


def _proxy(workers: str | Failure | None) -> Outcome:
    if not isinstance(workers, str):
        return workers or Failure("rspamadm was not asked")
    try:
        sockets = read_proxy(workers)
    except ValueError:
        return Failure("rspamadm configdump printed something else than workers")
    if sockets is None:
        return NoMilter(NO_PROXY)
    try:
        return Heard(rspamd_socket(sockets[0]), "rspamadm configdump worker")
    except (InvalidValueError, IndexError):
        return Failure(f"rspamadm configdump: no endpoint: {', '.join(sockets)}")

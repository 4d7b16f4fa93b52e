"""The steps that an installation is made of, and how they are carried out.

A step knows whether there is anything to do, can say what it would do, and does it. So a second run does
nothing, and a dry run is the same list without the doing. A step that fails ends the run: the steps before it
are harmless by themselves, and the next run goes on where this one stopped.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from mmx.detect.commands import Run
from mmx.errors import PermissionsError, UnavailableError

COMMAND_LIMIT: Final = 60.0
"""Seconds that a command may take."""


@dataclass(slots=True)
class Target:
    """The host that is installed on, or the tree of one below `root`; `changed`: some step did something."""

    root: Path
    run: Run
    changed: bool = False

    @property
    def is_host(self) -> bool:
        return self.root == Path("/")

    def place(self, path: str) -> Path:
        """Where a path of the host lies."""
        return self.root / path.lstrip("/")

    def read(self, path: str) -> str | None:
        """The text of a file, None if it is not there."""
        try:
            return self.place(path).read_text()
        except FileNotFoundError:
            return None


class Step(Protocol):
    """One thing to be done."""

    def is_due(self, target: Target) -> bool: ...

    def describe(self, target: Target) -> str: ...

    def perform(self, target: Target) -> None: ...


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A file with this text; with `keep`, one that is there stays as it is."""

    path: str
    text: str
    mode: int = 0o644
    keep: bool = False

    def is_due(self, target: Target) -> bool:
        found = target.read(self.path)
        return found is None or (found != self.text and not self.keep)

    def describe(self, target: Target) -> str:
        indented = "".join(f"    {line}\n" for line in self.text.splitlines())
        return f"write {target.place(self.path)}, mode {self.mode:04o}:\n{indented.rstrip()}"

    def perform(self, target: Target) -> None:
        """Write beside it and rename: a reader never finds half a file."""
        path = target.place(self.path)
        with _explained(path):
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.new")
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self.mode)
            with open(descriptor, "w") as stream:  # noqa: PTH123 - a descriptor
                os.fchmod(descriptor, self.mode)
                stream.write(self.text)
            new.replace(path)


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """A file that is to go."""

    path: str

    def is_due(self, target: Target) -> bool:
        return target.place(self.path).exists()

    def describe(self, target: Target) -> str:
        return f"remove {target.place(self.path)}"

    def perform(self, target: Target) -> None:
        with _explained(target.place(self.path)):
            target.place(self.path).unlink()


def always(_target: Target) -> bool:
    """Due at every run."""
    return True


def when_changed(target: Target) -> bool:
    """Due after a step that did something, or would have."""
    return target.changed


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run; `due` says whether it is to be."""

    argv: tuple[str, ...]
    due: Callable[[Target], bool] = always

    def is_due(self, target: Target) -> bool:
        return self.due(target)

    def describe(self, _target: Target) -> str:
        return f"run {' '.join(_quoted(self.argv))}"

    def perform(self, target: Target) -> None:
        answer = target.run(self.argv, COMMAND_LIMIT)
        if answer.failure or answer.status:
            raise UnavailableError(f"{' '.join(_quoted(self.argv))} failed: {answer.complaint}")


def carry_out(steps: Sequence[Step], target: Target, tell: Callable[[str], None], *, dry: bool) -> None:
    """Do all steps in turn, or only say what would be done; raises MmxError."""
    for step in steps:
        if not step.is_due(target):
            continue
        tell(f"would {step.describe(target)}" if dry else _brief(step.describe(target)))
        if not dry:
            step.perform(target)
        target.changed = True
    if not target.changed:
        tell("nothing to do")


def _brief(text: str) -> str:
    return text.partition("\n")[0].rstrip(":")


def _quoted(argv: Sequence[str]) -> list[str]:
    return [word if word and " " not in word else f"'{word}'" for word in argv]


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise PermissionsError(f"{path}: {error.strerror}; run this as root") from error
    except OSError as error:
        raise UnavailableError(f"{path}: {error.strerror}") from error

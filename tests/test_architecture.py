"""The rules of the source tree that a program can hold.

1. A package of mmx imports only those that RULES allows it; wire and core import nothing that does I/O or
   reads a clock.
2. A module has at most 400 lines, a function at most 50.
3. Every module has a test file of its own, at the mirrored place.
4. The repository speaks of itself alone: some words are in none of its files, and nothing is left to do in
   them.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "mmx").rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50

# Package (or top-level module) of mmx -> the others it may import; None: all.
RULES: dict[str, frozenset[str] | None] = {
    "errors": frozenset(),
    "wire": frozenset({"errors"}),
    "core": frozenset({"wire", "errors"}),
    "settings": frozenset({"errors"}),
    "detect": frozenset({"settings", "errors"}),
    "observe": frozenset({"settings", "core", "errors"}),
    "aio": frozenset({"core", "wire", "settings", "observe", "errors"}),
    "tools": None,
    "cli": None,
    "__main__": None,
    "__init__": frozenset(),
}
IMPURE = frozenset(
    {"asyncio", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "prometheus_client", "queue"}
    | {"random", "select", "selectors", "signal", "socket", "socketserver", "ssl", "subprocess", "sys"}
    | {"tempfile", "threading", "time", "uvloop", "yaml"}
)
PURE_PACKAGES = frozenset({"wire", "core", "errors"})

# Packages whose modules need not have a test file each yet; the list may only become shorter.
MIRROR_PENDING: frozenset[str] = frozenset()

# Written in two parts so that this file does not contain them.
FORBIDDEN_WORDS = (
    *("py" + "pi", "npm" + "js", "crates" + r"\.io", "/wo" + "rk/", "/opt/" + "wheels"),
    *("TO" + "DO", "FIX" + "ME", "X" + "XX", "Clau" + "de", "Anthro" + "pic", "sub" + "agent"),
    *(page + r"\.md" for page in ("ecosystem", "scenarios", "detection", "design", "style")),
)
FORBIDDEN = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(FORBIDDEN_WORDS) + r")(?![A-Za-z0-9])")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "mmx").with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of every import in a file, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            module = node.module or ""
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def functions(path: Path) -> Iterator[tuple[int, str, int]]:
    """Line, name and length in lines of every function in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def tracked_files() -> list[Path]:
    """Every text file of the repository, or of the unpacked source when git does not know it."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        return MODULES + TEST_FILES
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_import_rule(path: Path) -> None:
    package = package_of(path)
    assert package in RULES, f"{package} has no row in RULES"
    allowed = RULES[package]
    wrong = []
    for line, name in imports(path):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if top == "mmx":
            is_package = (ROOT / "mmx" / target).is_dir() or (ROOT / "mmx" / f"{target}.py").is_file()
            if allowed is not None and is_package and target not in allowed | {package}:
                wrong.append(f"{name_of(path)}:{line}: {package} may not import mmx.{target}")
        elif package in PURE_PACKAGES and top in IMPURE:
            wrong.append(f"{name_of(path)}:{line}: {package} may not import {top}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_opens_with_its_theory(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("path", MODULES + TEST_FILES, ids=name_of)
def test_length(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= LONGEST_MODULE, f"{name_of(path)} has {lines} lines; split the idea in it"
    long = [
        f"{name_of(path)}:{line}: {name} has {length} lines"
        for line, name, length in functions(path)
        if length > LONGEST_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_every_module_has_its_test_file() -> None:
    missing: dict[str, str] = {}
    for path in MODULES:
        inside = path.relative_to(ROOT / "mmx")
        mirror = ROOT / "tests" / inside.parent / f"test_{inside.name}"
        if not path.stem.startswith("__") and not mirror.is_file():
            missing[f"{name_of(path)} has no {name_of(mirror)}"] = package_of(path)
    done = MIRROR_PENDING - set(missing.values())
    assert not done, f"take {', '.join(sorted(done))} out of MIRROR_PENDING"
    wrong = [text for text, package in missing.items() if package not in MIRROR_PENDING]
    assert not wrong, "\n".join(wrong)


def test_the_repository_speaks_of_itself_alone() -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            match = FORBIDDEN.search(line)
            if match:
                found.append(f"{name_of(path)}:{number}: {match.group()}")
    assert not found, "\n".join(found)

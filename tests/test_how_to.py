"""Recipes: every settings block of these pages loads, and `mmx explain` prints what stands below it.

A block is taken as a whole settings file, in which each child without an endpoint is given one, as detection
would. An explanation is about the block before it.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from mmx.aio.main_cf import MainCf
from mmx.cli import main
from mmx.errors import EX_OK
from mmx.settings.load import FilesOnly, load
from mmx.tools.explain import verb as explain

DOCS = Path(__file__).parent.parent / "docs"
PAGES = (
    *("choose-which-mail-a-child-sees", "filter-mail-of-users", "greylist-only-what-needs-it"),
    *(
        "put-milters-in-order",
        "spare-slow-scanners",
        "filter-for-some-recipients",
        "try-a-milter-without-effect",
    ),
    *("come-from-milter-manager", "choose-default-actions", "run-scanners-together"),
)
BLOCK = re.compile(r"```(yaml|console)\n(.*?)```", re.DOTALL)
WARNED = "`mmx --check-config` warns of this one"


class Recipe(NamedTuple):
    """Settings with the commands about them, each with what it prints."""

    page: str
    settings: str
    commands: tuple[tuple[str, str], ...]

    def write(self, directory: Path) -> Path:
        """As files; what a host would add is laid over."""
        file = directory / "mmx.yaml"
        file.write_text(self.settings)
        said = yaml.safe_load(self.settings)
        children = said.get("children", {})
        places = {
            name: {"endpoint": f"unix:/run/{name}.sock"}
            for name, child in children.items()
            if "endpoint" not in child
        }
        (directory / "conf.d").mkdir()
        over = {"detect": False, "children": places}
        (directory / "conf.d/host.yaml").write_text(yaml.safe_dump(over))
        return file


def recipes() -> Iterator[Recipe]:
    for page in PAGES:
        settings, commands = "", []
        for kind, text in BLOCK.findall((DOCS / f"how-to/{page}.md").read_text()):
            if kind == "console":
                commands += [(line, output) for line, output in re.findall(r"\$ (.*)\n((?:[^$].*\n)*)", text)]
                continue
            if settings:
                yield Recipe(page, settings, tuple(commands))
            settings, commands = text, []
        yield Recipe(page, settings, tuple(commands))


RECIPES = tuple(recipes())


@pytest.fixture(autouse=True)
def no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read of the machine that runs the test."""

    async def main_cf() -> MainCf:
        return MainCf()

    monkeypatch.setattr(explain, "read_main_cf", main_cf)
    monkeypatch.setattr(explain, "Host", FilesOnly)


def name_of(recipe: Recipe) -> str:
    return f"{recipe.page}-{RECIPES.index(recipe)}"


@pytest.mark.parametrize("recipe", RECIPES, ids=name_of)
def test_settings_load(recipe: Recipe, tmp_path: Path) -> None:
    loaded = load(recipe.write(tmp_path))
    past = [str(warning) for warning in loaded.warnings if "a sender can keep mail from" in str(warning)]
    assert not past or WARNED in (DOCS / f"how-to/{recipe.page}.md").read_text()


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe.commands], ids=name_of)
def test_explanations_are_what_is_printed(
    recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recipe.write(tmp_path)
    for command, expected in recipe.commands:
        assert main(["--config", str(file), *shlex.split(command)[1:]]) == EX_OK
        printed = capsys.readouterr()
        assert (printed.out, printed.err) == (expected, "")


def test_the_recipes_are_explained() -> None:
    assert len(RECIPES) >= 20
    assert sum(len(recipe.commands) for recipe in RECIPES) >= 30

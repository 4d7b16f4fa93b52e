"""The style sheet: letters can be read in light and dark, and it styles what the page has."""

import re

import pytest

from mmx.observe.page import page
from mmx.observe.style import STYLE
from tests.observe.example import status

LIGHT, DARK = (
    dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block)) for block in STYLE.split("@media", 2)[:2]
)
PAIRS = [
    *((ink, ground) for ink in ("ink", "quiet", "link", "bad", "warn") for ground in ("ground", "card")),
    *((kind, f"{kind}-ground") for kind in ("good", "bad", "warn", "hold")),
    ("p50", "card"), ("p95", "card"), ("ink", "faint"),
]  # fmt: skip


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_contrast(colours: dict[str, str], ink: str, ground: str) -> None:
    """At least 4.5 to 1, as WCAG 2 asks of text."""
    brighter, darker = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (brighter + 0.05) / (darker + 0.05) >= 4.5


def test_light_and_dark_have_the_same_colours() -> None:
    assert set(LIGHT) == set(DARK)
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", STYLE)) <= set(LIGHT)


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_every_class_of_it_is_on_the_page() -> None:
    used = {name for value in re.findall(r'class="([^"]*)"', page(status())) for name in value.split()}
    styled = set(re.findall(r"\.([a-z][a-z0-9-]*)(?=[^{}]*\{)", STYLE))
    assert styled - used == {"well", "disabled", "draining"}

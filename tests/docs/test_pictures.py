"""The pictures say what the code says, and are whole."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plots
from ml_framework.master.machine import TRANSITIONS

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


def test_the_picture_of_the_state_machine_has_the_arrows_of_its_table() -> None:
    """Every transition that a cell may make, and no other."""
    parts = [part.attrib for part in ET.parse(PICTURES / "state-machine.svg").iter()]
    drawn = {(part["data-from"], part["data-to"]) for part in parts if "data-from" in part}
    table = {
        (str(source), str(target))
        for source, row in TRANSITIONS.items()
        for cell in row.values()
        for target in cell.targets
    }
    assert drawn == table


@pytest.mark.parametrize("picture", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_is_small_has_a_title_and_a_dark_form(picture: Path) -> None:
    """Below 100 kB, and nothing in it is loaded from elsewhere."""
    text = picture.read_text(encoding="utf-8")
    assert len(text) < 100_000
    root = ET.fromstring(text)
    assert root[0].tag.endswith("title")
    assert root[0].text
    assert "prefers-color-scheme: dark" in text
    assert text.count("http") == 1  # the name space


@pytest.mark.parametrize("name", plots.pictures())
def test_the_plots_are_those_of_the_tables(name: str) -> None:
    """Who changes docs/performance.md draws them anew: `python -m benchmarks.plots`."""
    assert (PICTURES / name).read_text(encoding="utf-8") == plots.pictures()[name]


def test_a_bar_is_as_long_as_its_figure() -> None:
    """The longest of a group fills its width; half the figure is half as long."""
    page = (
        "| rows | contender | one way | x |\n|---|---|---|---|\n| a | our b | 2 M | |\n| | c | 1000 k | |\n"
    )
    bars = plots.rates(page)
    assert [(bar.group, bar.name, bar.number, bar.ours) for bar in bars] == [
        ("a", "our b", 2e6, True),
        ("a", "c", 1e6, False),
    ]
    drawn = ET.fromstring(plots.draw("t", bars))
    widths = [float(part.attrib["width"]) for part in drawn if part.attrib.get("class") in ("ours", "theirs")]
    assert widths == [470.0, 235.0]

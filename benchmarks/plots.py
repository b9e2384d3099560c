"""Draws the tables of docs/performance.md: `python -m benchmarks.plots` writes docs/pictures/*.svg."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DOCS = Path(__file__).parents[1] / "docs"
_UNITS = {"": 1.0, "k": 1e3, "M": 1e6}
_WIDTH, _BAR, _LEFT, _RIGHT = 900, 22, 340, 90
_STYLE = """\
    svg { --paper: #fdfdfb; --ink: #20302f; --pale: #60716f; --ours: #0f766e; --theirs: #b8c4c2 }
    @media (prefers-color-scheme: dark) {
      svg { --paper: #1b2126; --ink: #e6eeee; --pale: #a3b3b1; --ours: #4fd1c5; --theirs: #55646b }
    }
    text { font: 14px system-ui, sans-serif; fill: var(--ink) }
    .group { font-weight: 600 } .title { font-size: 16px; font-weight: 600 } .value { fill: var(--pale) }
    .name { text-anchor: end } .ours { fill: var(--ours) } .theirs { fill: var(--theirs) }"""


@dataclass(frozen=True)
class Bar:
    """A figure of a table, with its text as it is there."""

    group: str
    name: str
    text: str
    ours: bool

    @property
    def number(self) -> float:
        """Its value: ``0.45 M``, ``744 k`` or ``11.69``."""
        figure, _, unit = self.text.partition(" ")
        return float(figure) * _UNITS[unit]


def table(page: str, header: str) -> list[list[str]]:
    """The rows of the page's table whose header begins so."""
    found = re.search(rf"^\| {re.escape(header)}.*\n\|[-|]+\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    if found is None:
        raise ValueError(f"docs/performance.md has no table whose header begins with {header!r}")
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in found[1].splitlines()
    ]


def rates(page: str) -> list[Bar]:
    """Rows a second, one way, by kind of row."""
    bars, group = [], ""
    for kind, name, one_way, _ in table(page, "rows | contender"):
        group = kind or group
        bars.append(Bar(group, name, one_way, ours=name.startswith("our ")))
    return bars


def scoring(page: str) -> list[Bar]:
    """Rows a second and the median time of a row, of the flight model."""
    bars = []
    for name, rate, _, _, _, times, _ in table(page, "| flight model: rows/s"):
        ours = name.startswith("our ")
        bars.append(Bar("rows a second", name, rate, ours=ours))
        bars.append(Bar("median time of a row at 1,000 a second, ms", name, times.split(" / ")[0], ours=ours))
    return bars


def recoveries(page: str) -> list[Bar]:
    """Median seconds from a fault to the next batch, with torch."""
    rows = table(page, "fault | struck")
    return [
        Bar("seconds, with PyTorch, median", row[0], row[4].removesuffix(" s"), ours=True) for row in rows
    ]


def draw(title: str, bars: Sequence[Bar]) -> str:
    """Horizontal bars, each group to its own scale."""
    lines = list(_lines(bars))
    height = 56 + _BAR * len(lines)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"  <title>{escape(title)}</title>",
            f"  <style>\n{_STYLE}\n  </style>",
            f'  <rect width="{_WIDTH}" height="{height}" rx="16" fill="var(--paper)"/>',
            f'  <text class="title" x="24" y="32">{escape(title)}</text>',
            *(line.format(y=62 + _BAR * place, top=48 + _BAR * place) for place, line in enumerate(lines)),
            "</svg>\n",
        )
    )


def _lines(bars: Sequence[Bar]) -> Iterator[str]:
    for group in dict.fromkeys(bar.group for bar in bars):
        yield f'  <text class="group" x="24" y="{{y}}">{escape(group)}</text>'
        members = [bar for bar in bars if bar.group == group]
        largest = max(bar.number for bar in members)
        for bar in members:
            width = max(1.0, (_WIDTH - _LEFT - _RIGHT) * bar.number / largest)
            kind = "ours" if bar.ours else "theirs"
            yield (
                f'  <text class="name" x="{_LEFT - 10}" y="{{y}}">{escape(bar.name)}</text>'
                f'<rect class="{kind}" x="{_LEFT}" y="{{top}}" width="{width:.1f}" height="{_BAR - 5}"/>'
                f'<text class="value" x="{_LEFT + width + 8:.1f}" y="{{y}}">{bar.text}</text>'
            )


def pictures() -> dict[str, str]:
    """Name of the file to what is in it."""
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    return {
        "rates.svg": draw("Rows a second from Flink to user code, one way", rates(page)),
        "scoring.svg": draw("Scoring the flights, one process", scoring(page)),
        "recoveries.svg": draw("From a fault to the next trained batch", recoveries(page)),
    }


if __name__ == "__main__":
    for name, content in pictures().items():
        (DOCS / "pictures" / name).write_text(content, encoding="utf-8")

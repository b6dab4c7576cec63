# SPDX-License-Identifier: Apache-2.0
"""
Write the rooms into ``docs/architecture.md``, and draw them: ``nox -s architecture``.

The floors are those of the import contract in ``pyproject.toml``, the arrows those of the imports in
the code, the words those of the rooms' docstrings: the page can't say what is not so.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "architecture.md"
DRAWING: Final = ROOT / "docs" / "images" / "rooms.svg"
PLUGINS: Final = ("sessionkit_streamlit", "sessionkit_sqlite", "sessionkit_redis")

WIDTH: Final = 720
BOX: Final = 32
GAP: Final = 34
HEAD: Final = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {{height}}" width="{WIDTH}" height="{{height}}" role="img">
<title>The rooms, floor by floor, and the arrows between them</title>
<style>
  text {{{{ font: 13px ui-monospace, monospace; fill: #1d2433; text-anchor: middle }}}}
  .room {{{{ fill: #d9f0e3; stroke: #5a9d78 }}}}
  .contract {{{{ fill: #e8eefb; stroke: #7d93c4 }}}}
  path {{{{ fill: none; stroke: #747e98; stroke-width: 1.2; marker-end: url(#head) }}}}
</style>
<defs><marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L10 5 L0 10 z" style="fill: #747e98; stroke: none"/></marker></defs>"""

Arrows = Mapping[str, set[str]]


def floors() -> list[list[str]]:
    """Return the rooms and contracts of the core, floor by floor, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(
        contract["layers"] for contract in contracts if contract.get("containers") == ["sessionkit"]
    )
    return [re.split(r" \| ", layer) for layer in layers]


def files_of(place: str) -> list[Path]:
    """Return the modules of a room, of a contract of the core, or of a plugin."""
    if place in PLUGINS:
        return sorted((ROOT / place / "src" / place).rglob("*.py"))
    path = ROOT / "sessionkit" / "src" / "sessionkit" / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imports_of(place: str) -> set[str]:
    """Return which rooms and contracts of the core a place imports."""
    found = set()
    for file in files_of(place):
        for name in _imported(ast.parse(file.read_text(encoding="utf-8"))):
            top, _, rest = name.partition(".")
            if top == "sessionkit" and rest:
                found.add(rest.partition(".")[0])
    return found - {place}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reduced(arrows: Arrows) -> dict[str, set[str]]:
    """Return the arrows without those that a longer way makes plain."""

    def reached(place: str) -> set[str]:
        return arrows[place].union(*(reached(below) for below in arrows[place]))

    return {
        place: below - set().union(*(reached(other) for other in below))
        for place, below in arrows.items()
    }


def picture() -> str:
    """Return the drawing of the rooms and their arrows: a row for each floor, what is imported lies below."""
    rows = [list(PLUGINS), *floors()]
    places = [place for row in rows for place in row]
    arrows = reduced({place: imports_of(place) & set(places) for place in places})
    middles: dict[str, float] = {}
    for row in rows:
        row.sort(key=lambda place: _middle_above(place, arrows, middles))
        left = (WIDTH - sum(map(_width, row)) - GAP * (len(row) - 1)) / 2
        for place in row:
            middles[place] = left + _width(place) / 2
            left += _width(place) + GAP
    tops = {place: 10 + n * (BOX + GAP) for n, row in enumerate(rows) for place in row}
    lines = [
        f'<path d="M{middles[place]:.0f} {tops[place] + BOX} C{middles[place]:.0f} {tops[place] + BOX + 24} '
        f'{middles[other]:.0f} {tops[other] - 28} {middles[other]:.0f} {tops[other] - 3}"/>'
        for place in places
        for other in places
        if other in arrows[place]
    ]
    boxes = [
        f'<rect class="{"room" if place in PLUGINS or len(files_of(place)) > 1 else "contract"}" '
        f'x="{middles[place] - _width(place) / 2:.0f}" y="{tops[place]}" width="{_width(place)}" height="{BOX}" rx="6"/>'
        f'<text x="{middles[place]:.0f}" y="{tops[place] + 21}">{place}</text>'
        for place in places
    ]
    return "\n".join([HEAD.format(height=20 + len(rows) * (BOX + GAP)), *lines, *boxes, "</svg>\n"])


def _middle_above(place: str, arrows: Arrows, middles: Mapping[str, float]) -> float:
    """Return where the places that import a place stand on average, so that its arrows are short."""
    above = [middle for other, middle in middles.items() if place in arrows[other]]
    return sum(above) / len(above) if above else WIDTH / 2


def _width(place: str) -> int:
    return 26 + 8 * len(place)


def rooms() -> str:
    """Return a table: each room and contract, and the first line of its docstring."""
    lines = ["| | what it is for |", "|---|---|"]
    for place in (place for floor in floors() for place in floor):
        files = files_of(place)
        first = next((file for file in files if file.name == "__init__.py"), files[0])
        shown = f"**`{place}/`**" if len(files) > 1 else f"`{place}.py`"
        lines.append(f"| {shown} | {_concept(first)} |")
    return "\n".join(lines)


def modules() -> str:
    """Return a list of every module by distribution and room, each with its concept in one sentence."""
    lines = []
    for place in ("sessionkit", *PLUGINS):
        source = ROOT / place / "src"
        lines += ["", f"### {place}", "", "| | its concept |", "|---|---|"]
        for file in sorted((source / place).rglob("*.py"), key=lambda one: (len(one.parts), one)):
            is_room = file.name == "__init__.py"
            if "templates" in file.parts or (is_room and file.parent == source / place):
                continue
            name = (
                file.parent.relative_to(source / place)
                if is_room
                else file.relative_to(source / place)
            )
            shown = f"**`{name.as_posix()}/`**" if is_room else f"`{name.as_posix()}`"
            lines.append(f"| {shown} | {_concept(file)} |")
    return "\n".join(lines[1:])


def _concept(file: Path) -> str:
    """Return the first sentence of a module's docstring, as Markdown."""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    words = re.sub(r"``|:\w+:`~?\.?([\w.]+)`", lambda role: role[1] or "`", said.split("\n\n")[0])
    return " ".join(words.split()).replace("|", "\\|")


def filled(page: str) -> str:
    """Return the page with its generated blocks made anew."""
    for name, block in (("rooms", rooms()), ("modules", modules())):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{block}\n{end}{after}"
    return page


def main() -> int:
    """Write the page and its drawing; with ``--check``, only say whether they are as the code is."""
    wanted = {PAGE: filled(PAGE.read_text(encoding="utf-8")), DRAWING: picture()}
    if "--check" in sys.argv[1:]:
        return int(any(file.read_text(encoding="utf-8") != text for file, text in wanted.items()))
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

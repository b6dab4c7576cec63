# SPDX-License-Identifier: Apache-2.0
"""
Write the picture of the rooms into ``docs/architecture.md``: ``nox -s architecture``.

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
PLUGINS: Final = ("sessionkit_streamlit", "sessionkit_sqlite", "sessionkit_redis")

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
    """Return the rooms and their arrows, in Mermaid's words."""
    places = [*PLUGINS, *(place for floor in floors() for place in floor)]
    arrows = {place: imports_of(place) & set(places) for place in places}
    lines = ["```mermaid", "graph TD"]
    for place in places:
        is_room = place in PLUGINS or len(files_of(place)) > 1
        lines.append(f"    {place}[{place}]" if is_room else f"    {place}([{place}])")
    for place, below in reduced(arrows).items():
        lines += [f"    {place} --> {other}" for other in places if other in below]
    return "\n".join([*lines, "```"])


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
    for name, block in (("picture", picture()), ("rooms", rooms()), ("modules", modules())):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{block}\n{end}{after}"
    return page


def main() -> int:
    """Write the page; with ``--check``, only say whether it is as the code is."""
    page = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        return int(filled(page) != page)
    PAGE.write_text(filled(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

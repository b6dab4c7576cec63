# SPDX-License-Identifier: Apache-2.0
"""
Check the site that was built: no page asks another server for anything. ``nox -s docs`` runs it.

Links and anchors inside the site are checked by the build itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

SITE: Final = Path(__file__).parents[1] / "site"
# A link may lead out of the site, since nothing is asked before somebody follows it; all else is loaded with the page.
ASKS: Final = frozenset({"src", "srcset", "poster", "data", "action"})


class Addresses(HTMLParser):
    """Collects what a page loads by itself from another server."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note each address of another server that the browser asks when it meets the tag."""
        named = dict(attrs)
        asked = [value for name, value in attrs if name in ASKS and value]
        if tag == "link" and named.get("rel") not in {"canonical", "prev", "next"}:
            asked.append(named.get("href") or "")
        self.found += [value for value in asked if value.startswith(("http:", "https:", "//"))]
        if "mermaid" in (named.get("class") or "").split():
            self.found.append("a mermaid picture, whose script the theme loads from elsewhere")


def outside(site: Path) -> Iterator[str]:
    """Yield a line for each thing that a page of the site would ask another server for."""
    for file in sorted(site.rglob("*.html")):
        page = Addresses()
        page.feed(file.read_text(encoding="utf-8"))
        yield from (f"{file.relative_to(site)}: {address}" for address in page.found)
    for file in sorted(site.rglob("*.css")):
        text = file.read_text(encoding="utf-8")
        if "url(http" in text or "url(//" in text or "@import" in text:
            yield f"{file.relative_to(site)}: loads something by url() or @import"


if __name__ == "__main__":
    lines = list(outside(SITE))
    if not (SITE / "index.html").exists():
        lines.append("index.html: the site has no first page")
    sys.exit("\n".join(lines) or 0)

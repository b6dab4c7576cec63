# SPDX-License-Identifier: Apache-2.0
"""What has to hold of the site before it is built; ``nox -s docs`` builds it, and checks its links."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest


def _named(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for inner in nav.values():
            yield from _named(inner)
    elif isinstance(nav, list):
        for inner in nav:
            yield from _named(inner)


@pytest.fixture(name="pages")
def _pages(root: Path) -> list[str]:
    """Return the pages that the site's menu leads to, in its order."""
    settings = tomllib.loads((root / "zensical.toml").read_text(encoding="utf-8"))
    return list(_named(settings["project"]["nav"]))


def test_each_page_stands_in_the_menu_once(root: Path, pages: list[str]) -> None:
    """A page of docs/ that no menu leads to would be found by nobody: name it in zensical.toml."""
    docs = root / "docs"
    there = sorted(file.relative_to(docs).as_posix() for file in docs.rglob("*.md"))

    assert there == sorted(pages)


def test_ci_builds_the_site(root: Path) -> None:
    """With a dead link nothing lands."""
    assert "step docs checks docs\n" in (root / ".ci" / "run").read_text(encoding="utf-8")

# SPDX-License-Identifier: Apache-2.0
"""What has to hold of the site before it is built; ``nox -s docs`` builds it, and checks its links."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import import_module
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


def test_a_page_that_asks_another_server_is_found(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a browser loads with a page comes from the site; where a link leads is for whoever follows it."""
    monkeypatch.syspath_prepend(root / "docs")
    outside = import_module("check_site").outside
    (tmp_path / "good.html").write_text(
        '<link rel="canonical" href="https://example.org/"><a href="https://example.org">there</a>'
        '<img src="images/one.png"><script src="assets/own.js"></script>'
    )
    (tmp_path / "bad.html").write_text(
        '<script src="https://cdn.example/a.js"></script><img src="//cdn.example/b.png">'
        '<link rel="stylesheet" href="https://fonts.example/c.css"><pre class="mermaid">graph</pre>'
    )
    (tmp_path / "bad.css").write_text("@font-face { src: url(https://fonts.example/d.woff2) }")

    found = list(outside(tmp_path))
    assert 5 == len(found)
    assert {"bad.html", "bad.css"} == {line.split(":")[0] for line in found}

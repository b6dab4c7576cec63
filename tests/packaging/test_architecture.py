# SPDX-License-Identifier: Apache-2.0
"""What docs/architecture.md says of the code is so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = ("sessionkit_streamlit", "sessionkit_sqlite", "sessionkit_redis")


@pytest.fixture(name="page")
def _page(root: Path) -> str:
    """Return the page."""
    return (root / "docs" / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(name="modules")
def _modules(root: Path) -> list[Path]:
    """Return every module of every distribution."""
    folders = [root / name / "src" for name in ("sessionkit", *PLUGINS)]
    return [file for folder in folders for file in folder.rglob("*.py")]


def test_the_picture_is_as_the_code_is(root: Path) -> None:
    """Rooms, arrows and words are what contract, imports and docstrings say; else ``nox -s architecture``."""
    command = [sys.executable, str(root / "docs" / "draw_rooms.py"), "--check"]

    assert 0 == subprocess.run(command, check=False).returncode  # noqa: S603 - our own command


def test_files_that_are_named_are_there(page: str, modules: list[Path]) -> None:
    """Each file is in the core, or in a plugin."""
    named = set(re.findall(r"`([\w/]+\.py)`", page))
    missing = {
        name
        for name in named
        if not any(f"/{file.as_posix()}".endswith(f"/{name}") for file in modules)
    }

    assert 40 < len(named)
    assert set() == missing


def test_names_that_are_named_are_there(page: str, modules: list[Path]) -> None:
    """Each class, method or function of a walk is defined in some module."""
    walks = page.partition("## Four ways")[2].partition("## Where do I put")[0]
    named = set(re.findall(r"`([A-Z]\w+(?:\.\w+)?|[a-z]+_\w+|intend|connect)`", walks))
    defined: set[str] = set()
    for file in modules:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                inner = (one.name for one in node.body if isinstance(one, ast.FunctionDef))
                defined |= {node.name, *(f"{node.name}.{name}" for name in inner)}
            elif isinstance(node, ast.FunctionDef):
                defined.add(node.name)
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    no_code = {"debounce_ms", "max_wait_ms", "save_id", *PLUGINS}

    assert 15 < len(named)
    assert set() == named - defined - no_code

# SPDX-License-Identifier: Apache-2.0
"""What ``from sessionkit import ...`` offers."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import sessionkit

NAMES = sorted(sessionkit.__all__)


def test_there_is_something_public() -> None:
    """The list is not empty, and names nothing twice."""
    assert len(NAMES) == len(set(NAMES)) > 20


@pytest.mark.parametrize("name", NAMES)
def test_is_there_and_documented(name: str) -> None:
    """Each public name can be imported and says what it is."""
    assert inspect.getdoc(getattr(sessionkit, name))


@pytest.mark.parametrize(
    "module", ["sessionkit", "sessionkit_streamlit", "sessionkit_streamlit.testing"]
)
def test_is_in_the_reference(root: Path, module: str) -> None:
    """Each public name is in the reference, which shows its docstring."""
    pages = [file.read_text(encoding="utf-8") for file in (root / "docs").glob("api*.md")]
    shown = set(re.findall(r"^::: ([\w.]+)$", "\n".join(pages), re.MULTILINE))
    public = {f"{module}.{name}" for name in import_module(module).__all__}

    assert set() == public - shown - {"sessionkit.hookimpl"}


def test_type_checkers_see_the_same_modules() -> None:
    """What they read and what is imported when a name is first used say the same, in the same order."""
    tree = ast.parse(Path(sessionkit.__file__).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    read = {
        str(node.module).removeprefix("sessionkit."): tuple(one.name for one in node.names)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }
    errors = read.pop("errors")  # the home of each name that the table leaves out
    table = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and "_MODULES" == ast.unparse(node.target) and node.value
    )

    assert list(read.items()) == list(table.items())
    assert NAMES == sorted({*errors, *(name for names in read.values() for name in names)})

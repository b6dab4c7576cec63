# SPDX-License-Identifier: Apache-2.0
"""How the house is built: each module can be entered alone, says what it is, and is where it belongs."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

PLUGINS: Final = ("sessionkit_sqlite", "sessionkit_redis", "sessionkit_streamlit")
IMPORT_NAMES: Final = ("sessionkit", *PLUGINS)

MOST_MODULES: Final = 120
MOST_AT_THE_TOP: Final = 25

ENDS_IN_ING: Final = {
    "sessionkit.encoding": "the field's word for turning objects into bytes, a noun",
    "sessionkit.encoding.packing": "a noun: how parts are packed into stored ones",
    "sessionkit.testing": "public; what Python's libraries call their kit for tests",
    "sessionkit_streamlit.testing": "the same",
}
"""Names of modules that look like gerunds, and why they may."""

CONTRACTS: Final = {
    "sessionkit",
    "sessionkit.conflict",
    "sessionkit.errors",
    "sessionkit.events",
    "sessionkit.hookspecs",
    "sessionkit.host",
    "sessionkit.records",
    "sessionkit.serializer",
    "sessionkit.status",
    "sessionkit.storage",
    "sessionkit.tokens",
    # Faces of rooms.
    "sessionkit.persistence",
    "sessionkit.plugins",
    "sessionkit.session",
    "sessionkit.settings",
    "sessionkit.values",
}
"""What any plugin may import of the core."""

BEYOND: Final = {
    "sessionkit.session.fields",
    "sessionkit.session.forms",
    "sessionkit.values.definitions",
    "sessionkit.values.equality",
}
"""What our own plugins import besides; all others do without."""

IMPORT_ALONE: Final = """
import importlib, json, sys
name, failed = sys.argv[1], {}
for module in json.loads(sys.argv[2]):
    for loaded in [one for one in sys.modules if one.startswith("sessionkit")]:
        del sys.modules[loaded]
    try:
        importlib.import_module(module)
    except Exception as error:
        failed[module] = f"{type(error).__name__}: {error}"
print(json.dumps(failed))
"""


def _modules(root: Path, import_name: str) -> dict[str, Path]:
    """Return the files of a distribution by the name of their module."""
    source = root / import_name / "src"
    return {
        ".".join(file.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): file
        for file in sorted((source / import_name).rglob("*.py"))
    }


def _imported(file: Path) -> set[str]:
    """Return the modules that a file imports, for type checkers too, with names that are modules."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return found


@pytest.mark.parametrize("import_name", IMPORT_NAMES)
def test_each_module_can_be_imported_alone(root: Path, tmp_path: Path, import_name: str) -> None:
    """No module needs another one to have been imported before it: there is no hidden circle."""
    names = json.dumps(list(_modules(root, import_name)))
    command = [sys.executable, "-c", IMPORT_ALONE, import_name, names]
    # With bytecode: else each module is compiled a hundred times.
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(tmp_path),
    }
    done = subprocess.run(  # noqa: S603 - our own code
        command, check=True, capture_output=True, text=True, env=environment
    )

    assert {} == json.loads(done.stdout)


def test_the_core_can_be_surveyed(root: Path) -> None:
    """The core has 120 modules at most, and 25 names that one meets first."""
    modules = _modules(root, "sessionkit")
    top = {name.split(".")[1] for name in modules if "." in name}

    assert len(modules) <= MOST_MODULES
    assert len(top) <= MOST_AT_THE_TOP


@pytest.mark.parametrize("import_name", IMPORT_NAMES)
def test_each_module_says_its_concept_in_one_sentence(root: Path, import_name: str) -> None:
    """A docstring begins with one sentence: what needs two is two modules."""
    odd = {}
    for name, file in _modules(root, import_name).items():
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        summary = " ".join(text.split("\n\n")[0].split())
        if summary[-1:] not in {".", "?"} or re.search(r"[.!?] [A-Z]", summary):
            odd[name] = summary

    assert {} == odd


@pytest.mark.parametrize("import_name", IMPORT_NAMES)
def test_modules_are_called_by_nouns(root: Path, import_name: str) -> None:
    """No gerund names a module, but for those that are listed with their reason."""
    gerunds = {name for name in _modules(root, import_name) if name.endswith("ing")}

    assert {name for name in ENDS_IN_ING if name.split(".")[0] == import_name} == gerunds


@pytest.mark.parametrize("import_name", PLUGINS)
def test_plugins_import_contracts(root: Path, import_name: str) -> None:
    """A plugin of ours sees of the core what any plugin sees, and few modules besides."""
    core = set(_modules(root, "sessionkit"))
    found = {
        name: sorted(beyond)
        for name, file in _modules(root, import_name).items()
        if (beyond := _imported(file) & core - CONTRACTS - BEYOND)
    }

    assert {} == found


def test_nothing_is_allowed_that_nobody_needs(root: Path) -> None:
    """What plugins import beyond the contracts is on the list only as long as one does."""
    plugins = [file for name in PLUGINS for file in _modules(root, name).values()]

    assert BEYOND == BEYOND & set().union(*map(_imported, plugins))

# SPDX-License-Identifier: Apache-2.0
"""A clause that fails tells the plugin's author what was expected and what came."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import sessionkit.testing

MODULES = sorted(module.name for module in iter_modules(sessionkit.testing.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_asserts_are_rewritten(name: str) -> None:
    """Each module of the suites that asserts was loaded by pytest's own loader."""
    spec = import_module(f"sessionkit.testing.{name}").__spec__
    assert spec is not None
    assert spec.origin is not None
    asserts = "    assert " in Path(spec.origin).read_text(encoding="utf-8")

    assert asserts == (type(spec.loader).__name__ == "AssertionRewritingHook")


def test_what_is_registered_is_there() -> None:
    """Each module is named once, and none that has moved away."""
    package = Path(sessionkit.testing.__file__).read_text(encoding="utf-8")
    named = re.findall(r'"sessionkit\.testing\.(\w+)",\n', package)

    assert sorted(set(named)) == sorted(named)
    assert set(named) <= set(MODULES)

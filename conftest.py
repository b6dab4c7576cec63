# SPDX-License-Identifier: Apache-2.0
"""
Run the examples in README, docs and docstrings as tests, tests that measure time alone, and all with little for the
garbage collector to walk.

Each document is read from top to bottom in a folder of its own, with no
settings but those that it shows. A block that imports Streamlit is run as a
page; a block of TOML is read as ``sessionkit.toml``.
"""

from __future__ import annotations

import gc
import os
import secrets
import sys
import tempfile
import tomllib
from collections.abc import Generator
from contextlib import ExitStack, chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser, PythonCodeBlockParser

sys.path.insert(0, str(Path(__file__).parent / "tests" / "harness"))

if TYPE_CHECKING:
    from sybil import Example

_run_python = PythonEvaluator()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked ``alone`` run while no other one does, where several processes share them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return (yield)
    from session_harness import quiet  # noqa: PLC0415 - its locks are not on every system

    folder = Path(item.config.getoption("basetemp")).parent
    measures = item.get_closest_marker("alone") is not None
    with quiet.alone(folder, worker) if measures else quiet.beside_others(folder):
        return (yield)


def set_apart() -> None:
    """
    Have collections of garbage walk no more what there is now: modules, functions, the tests themselves.

    Streamlit collects in full after each run of a page, and some tests do: among ten thousand tests that takes half
    a second each time.
    """
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    """Set apart what was imported to find the tests, and what they are."""
    set_apart()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Set apart what the tests of a file have imported."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        set_apart()
    return result


def run_python(example: Example) -> None:
    """Run a block; one that draws a page is run by Streamlit."""
    code = str(example.parsed)
    if "import streamlit" not in code or "st.App(" in code:
        _run_python(example)
        return
    from streamlit.testing.v1 import AppTest  # noqa: PLC0415 - most documents need no Streamlit

    page = AppTest.from_string(code, default_timeout=30).run()
    assert not page.exception, page.exception


def read_toml(example: Example) -> None:
    """Load a block as settings, under the name of the file that it shows."""
    from sessionkit.settings import load_settings  # noqa: PLC0415 - most documents need no settings

    code = str(example.parsed)
    shows_pyproject = tomllib.loads(code).keys() & {"project", "tool"}
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        name = "pyproject.toml" if shows_pyproject else "sessionkit.toml"
        Path(name).write_text(code, encoding="utf-8")
        load_settings()


def alone(namespace: dict[str, Any]) -> None:
    """Let a document begin as a new program does: in an empty folder, without a manager."""
    from sessionkit.manager import default_manager  # noqa: PLC0415 - tests without documents need no session

    stack = namespace["_cleanup"] = ExitStack()
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONKIT_")}
    bare["SESSIONKIT_SECRET_KEY"] = secrets.token_urlsafe()
    stack.enter_context(mock.patch.dict(os.environ, bare, clear=True))
    stack.enter_context(chdir(folder))
    stack.enter_context(mock.patch.object(default_manager._DEFAULT, "manager", None))  # noqa: SLF001 - what a new process has


def cleaned(namespace: dict[str, Any]) -> None:
    """Close what the document opened and remove its folder."""
    from sessionkit import get_manager  # noqa: PLC0415 - as above

    with namespace["_cleanup"]:
        get_manager().close()


documents = Sybil(
    parsers=[
        CodeBlockParser(language="python", evaluator=run_python),
        CodeBlockParser(language="toml", evaluator=read_toml),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md"],
    exclude="docs/reference.md",  # its snippets are tests/integration/test_seed.py
    setup=alone,
    teardown=cleaned,
)

docstrings = Sybil(
    parsers=[DocTestParser(), PythonCodeBlockParser()],
    patterns=["src/*/*.py", "src/*/*/*.py"],
    # Imports a module by its name: the installed package is tested, not the source tree.
    document_types={".py": PythonDocStringDocument},
    setup=alone,
    teardown=cleaned,
)

pytest_collect_file = (documents + docstrings).pytest()

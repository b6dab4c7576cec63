# SPDX-License-Identifier: Apache-2.0
"""Importing sessionkit is quick and drags nothing heavy in."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HEAVY = {"sqlalchemy", "redis", "streamlit", "numpy", "pandas", "pytest", "click"}
SAVING = {  # with MANAGING: what a script that only names the functions leaves alone
    "itsdangerous",
    "ormsgpack",
    "sessionkit.manager.store",
    "sessionkit.encoding.codec",
    "sessionkit.encoding.parts",
    "sessionkit.repository.repository",
    "sessionkit.tokens",
}
MANAGING = {"attrs", "cattrs", "importlib.metadata", "pluggy", "sessionkit.manager.manager"}
ROUNDS = 9
LIMIT_SECONDS = 0.080


def _fresh(code: str, folder: Path) -> Any:
    """Run *code* in a new interpreter, which may keep its bytecode, and return what it printed as JSON."""
    ours = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("SESSIONKIT_", "COV_CORE"))
    }
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], cwd=folder, env=environment, check=False, capture_output=True
    )
    assert 0 == done.returncode, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "code",
    [
        "import sessionkit",
        "from sessionkit import bootstrap_session, persist_input",
        "import sessionkit; sessionkit.configure(storage='memory'); sessionkit.bootstrap_session()",
    ],
    ids=["package", "functions", "session in memory"],
)
def test_heavy_modules_stay_out(tmp_path: Path, code: str) -> None:
    """Neither the import nor a session in memory loads a database or a web framework."""
    loaded = _fresh(f"{code}\nimport json, sys; print(json.dumps(list(sys.modules)))", tmp_path)

    assert set() == HEAVY & set(loaded)


def test_naming_the_functions_imports_no_manager(tmp_path: Path) -> None:
    """Who imports the functions pays for a manager, and for the libraries it needs, at the first call."""
    code = "from sessionkit import bootstrap_session, configure, get_manager, persist_input, save_session"
    loaded = _fresh(f"{code}\nimport json, sys; print(json.dumps(list(sys.modules)))", tmp_path)

    assert set() == (MANAGING | SAVING) & set(loaded)


@pytest.mark.alone
def test_import_is_quick(tmp_path: Path) -> None:
    """With bytecode compiled, the median import takes less than 80 ms."""
    code = (
        "import json; from time import perf_counter; begin = perf_counter(); import sessionkit; "
        "print(json.dumps(perf_counter() - begin))"
    )
    _fresh(code, tmp_path)
    seconds = statistics.median(_fresh(code, tmp_path) for _ in range(ROUNDS))

    assert seconds < LIMIT_SECONDS

# SPDX-License-Identifier: Apache-2.0
"""Runs a shipped suite over something that is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from sessionkit.defaults.memory import MemoryStorage

SUITE = """
import pytest

from sessionkit.testing import {suite}


class TestMutant({suite}):
    {declared}

    @pytest.fixture
    def {fixture}(self, mutant):
        return mutant
"""

Failing = Callable[..., set[str]]


class Door:
    """Hands the mutant to the suite."""

    def __init__(self, mutant: Callable[[], Any]) -> None:
        """Take what makes what the suite's fixture returns."""
        self._mutant = mutant

    @pytest.fixture
    def mutant(self) -> Any:
        """Return what is tested."""
        return self._mutant()


@pytest.fixture
def failing(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Return a function that runs a suite, or some of its clauses, and returns which failed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    pytester.makeini("[pytest]")  # nobody's settings from the folders above

    def run(
        suite: str,
        fixture: str,
        mutant: Callable[[], Any],
        clauses: Collection[str] = (),
        **declared: bool,
    ) -> set[str]:
        lines = "\n    ".join(f"{name} = {value}" for name, value in declared.items()) or "pass"
        pytester.makepyfile(SUITE.format(suite=suite, fixture=fixture, declared=lines))
        chosen = ["-k", " or ".join(clauses)] if clauses else []
        ran = pytester.inline_run(
            "-q", "--tb=line", "-p", "no:cacheprovider", *chosen, plugins=[Door(mutant)]
        )
        passed, _, failed = ran.listoutcomes()
        assert passed or failed, "no clause was run"
        return {report.location[2].partition(".")[2].partition("[")[0] for report in failed}

    return run


@pytest.fixture
def failing_clauses(failing: Failing) -> Failing:
    """Return a function that runs the storage suite over a class of storages."""

    def run(
        mutant: type[MemoryStorage], clauses: Collection[str] = (), **declared: bool
    ) -> set[str]:
        declared = {"batch": True, "heads": True, **declared}
        return failing(
            "StorageConformance", "connect", lambda: mutant().handle, clauses, **declared
        )

    return run

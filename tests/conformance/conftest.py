# SPDX-License-Identifier: Apache-2.0
"""Runs the shipped storage suite over a storage that is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from sessionkit.defaults.memory import MemoryStorage

SUITE = """
import pytest

from sessionkit.testing import StorageConformance


class TestMutant(StorageConformance):
    @pytest.fixture
    def connect(self, mutant):
        return mutant().handle
"""


class Door:
    """Hands the mutant to the suite."""

    def __init__(self, mutant: type[MemoryStorage]) -> None:
        """Take the storage's class."""
        self._mutant = mutant

    @pytest.fixture
    def mutant(self) -> type[MemoryStorage]:
        """Return the class of the storage that is tested."""
        return self._mutant


@pytest.fixture
def failing_clauses(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., set[str]]:
    """Return a function that runs the suite, or some of its clauses, and returns which failed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    pytester.makeini("[pytest]")  # nobody's settings from the folders above

    def run(mutant: type[MemoryStorage], clauses: Collection[str] = ()) -> set[str]:
        pytester.makepyfile(SUITE)
        chosen = ["-k", " or ".join(clauses)] if clauses else []
        ran = pytester.inline_run(
            "-q", "--tb=line", "-p", "no:cacheprovider", *chosen, plugins=[Door(mutant)]
        )
        passed, _, failed = ran.listoutcomes()
        assert passed or failed, "no clause was run"
        return {report.location[2].partition(".")[2].partition("[")[0] for report in failed}

    return run

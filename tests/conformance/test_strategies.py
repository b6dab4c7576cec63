# SPDX-License-Identifier: Apache-2.0
"""The shipped strategy suite, over what core ships."""

from __future__ import annotations

import pytest

from sessionkit.conflict import ConflictStrategy
from sessionkit.merge.strategies import Ask, FirstWriteWins, LastWriteWins, Merge, Refuse
from sessionkit.testing import ConflictStrategyConformance


class TestMerge(ConflictStrategyConformance):
    """Merging keeps the contract, and what both did."""

    merges = True
    commutative = True

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        return Merge()


class TestAsk(ConflictStrategyConformance):
    """Asking keeps the contract, and what both did."""

    merges = True

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        return Ask()


class TestLastWriteWins(ConflictStrategyConformance):
    """Taking ours keeps the contract."""

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        return LastWriteWins()


class TestFirstWriteWins(ConflictStrategyConformance):
    """Taking theirs keeps the contract."""

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        return FirstWriteWins()


class TestRefuse(ConflictStrategyConformance):
    """Refusing keeps the contract, whoever came second."""

    refuses = True
    commutative = True

    @pytest.fixture
    def strategy(self) -> ConflictStrategy:
        """Return the strategy under test."""
        return Refuse()

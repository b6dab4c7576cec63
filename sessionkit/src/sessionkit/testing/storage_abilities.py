# SPDX-License-Identifier: Apache-2.0
"""What a storage can do beyond the eight methods, as its suite declares it."""

from __future__ import annotations

from typing import ClassVar, Final

import pytest

from sessionkit.storage import Storage

_METHODS: Final = (
    ("batch", "write_many"),
    ("heads", "read_head"),
    ("setup", "setup"),
    ("watch", "watch"),
)


class AbilityClauses:
    """
    The optional abilities: one attribute each, False unless the subclass says True.

    Clauses about an ability that is declared absent are skipped.

    Attributes:
        batch: Whether the storage has ``write_many``.
        heads: Whether it has ``read_head``.
        setup: Whether it has ``setup``.
        watch: Whether it has ``watch``.
    """

    batch: ClassVar[bool] = False
    heads: ClassVar[bool] = False
    setup: ClassVar[bool] = False
    watch: ClassVar[bool] = False

    @pytest.mark.parametrize(("ability", "method"), _METHODS)
    def test_abilities_are_declared(self, storage: Storage, ability: str, method: str) -> None:
        """The attribute says whether the storage has the method: no ability goes untested."""
        declared = getattr(self, ability)
        there = callable(getattr(storage, method, None))

        assert declared == there, f"set {ability} = {there} in the class that runs the suite"


def need(*, declared: bool, method: str) -> None:
    """Skip the clause if the storage is declared to lack the method that it is about."""
    if not declared:
        pytest.skip(f"the storage is declared without {method}()")

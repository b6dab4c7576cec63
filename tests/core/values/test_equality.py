# SPDX-License-Identifier: Apache-2.0
"""Whether two values are the same content: as a serializer sees it, not as ``==`` does."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from session_harness.data import APP_VALUES
from session_harness.ids import repr_without_address

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.values.equality import equals, same_content


class Colour(Enum):
    """An enum that nobody registered."""

    RED = 1
    BLUE = 2


SAME = [
    ({"a": [1, (2, 3)]}, {"a": [1, (2, 3)]}),
    (math.nan, float("nan")),
    ([math.nan], [float("nan")]),
    ({"a": 0.0, "b": math.nan}, {"a": 0.0, "b": float("nan")}),
    ({1, 2, 3}, {3, 2, 1}),
    (np.arange(3), np.arange(3)),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1]})),
    (Colour.RED, Colour.RED),
    ({"c": Colour.RED}, {"c": Colour.RED}),
]
DIFFERENT = [
    (1, True),
    ([1], [True]),
    ({"a": 1}, {"a": 1.0}),
    (0.0, -0.0),
    ([0.0], [-0.0]),
    ({"a": 0.0}, {"a": -0.0}),
    ((1,), [1]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (Decimal("1.0"), Decimal("1.00")),
    (np.arange(3), np.arange(4)),
    (np.zeros(2, dtype="int8"), np.zeros(2, dtype="int16")),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})),
    (Colour.RED, Colour.BLUE),
    ({"c": Colour.RED}, {"c": Colour.BLUE}),
    (object(), object()),
    ({"df": pd.DataFrame({"a": [1]}), "o": object()}, {"df": pd.DataFrame({"a": [1]}), "o": 1}),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=repr)
def test_the_same_content(one: Any, other: Any) -> None:
    """What is stored alike is the same, whatever ``==`` says."""
    assert same_content(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=repr_without_address)
def test_another_content(one: Any, other: Any) -> None:
    """What is stored otherwise is not the same, whatever ``==`` says."""
    assert not same_content(one, other)


@given(APP_VALUES, APP_VALUES)
def test_content_is_what_a_serializer_sees(one: Any, other: Any) -> None:
    """Two values have the same content when they give the same bytes."""
    serializer = MsgpackSerializer()
    dumped = serializer.dumps(one)

    assert same_content(one, serializer.loads(dumped))
    assert same_content(one, other) == (dumped == serializer.dumps(other))


def test_in_doubt_is_for_comparisons_that_fail() -> None:
    """Arrays have no single answer; a value that holds itself none at all."""
    loop: list[Any] = []
    loop.append(loop)
    other: list[Any] = []
    other.append(other)

    for doubt in (True, False):
        assert doubt == equals(np.zeros(2), np.zeros(2), in_doubt=doubt)
        assert doubt == equals(loop, other, in_doubt=doubt)
        assert equals([1], [1], in_doubt=doubt)
        assert not equals([1], [2], in_doubt=doubt)
    assert not same_content(loop, other)

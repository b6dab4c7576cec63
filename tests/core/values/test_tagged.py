# SPDX-License-Identifier: Apache-2.0
"""Values as tagged JSON: readable, refused with a path, bounded."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.errors import SerializationError
from sessionkit.testing.serializers import assert_same
from sessionkit.values import MAX_DEPTH, Opaque, from_tagged, parse_json, to_tagged

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES)
def test_plain_data_stay_readable(value: Any) -> None:
    """What JSON knows comes back as it was, through JSON's own text."""
    text = json.dumps(to_tagged(value), allow_nan=False)

    assert_same(value, parse_json(text))


@pytest.mark.parametrize(
    ("value", "tagged"),
    [
        (date(2026, 1, 31), {"$t": "date", "v": "2026-01-31"}),
        ((1, 2), {"$t": "tuple", "v": [1, 2]}),
        ({2, 1}, {"$t": "set", "v": [1, 2]}),
        ({1: "a"}, {"$t": "dict", "v": [[1, "a"]]}),
        (float("inf"), {"$t": "float", "v": "inf"}),
        (b"ab", {"$t": "bytes", "v": "YWI="}),
        (2**64, {"$t": "int", "v": "0x10000000000000000"}),
        ({"$t": "x"}, {"$t": "dict", "v": [["$t", "x"]]}),
        (Counter("aab"), {"$t": "counter", "v": {"a": 2, "b": 1}}),
        (Counter([1]), {"$t": "counter", "v": {"$t": "dict", "v": [[1, 1]]}}),
        (OrderedDict(b=1, a=2), {"$t": "ordereddict", "v": {"b": 1, "a": 2}}),
        (defaultdict(list, a=[1]), {"$t": "defaultdict(list)", "v": {"a": [1]}}),
        (defaultdict(None, a=1), {"$t": "defaultdict(None)", "v": {"a": 1}}),
        (datetime(2026, 1, 31, tzinfo=UTC), {"$t": "datetime", "v": "2026-01-31T00:00:00+00:00"}),
        (
            datetime(2026, 1, 31, tzinfo=ZoneInfo("Europe/Berlin")),
            {"$t": "datetime", "v": ["2026-01-31T00:00:00", "Europe/Berlin", 0]},
        ),
    ],
    ids=str,
)
def test_tags_are_readable(value: Any, tagged: Any) -> None:
    """A person can read, and write, what a tag holds."""
    assert tagged == to_tagged(value)
    assert_same(value, from_tagged(tagged))


@pytest.mark.parametrize(
    "tagged",
    [
        {"$t": "date"},
        {"$t": "date", "v": "2026-01-31", "more": 1},
        {"$t": ["date"], "v": 1},
        {"$t": "date", "v": "tomorrow"},
        {"$t": "date", "v": 5},
        {"$t": "tuple", "v": 5},
        {"$t": "set", "v": [[]]},
        {"$t": "dict", "v": [[1, 2, 3]]},
        {"$t": "counter", "v": "aab"},
        {"$t": "counter", "v": [["a", 2]]},
        {"$t": "counter", "v": 5},
        {"$t": "counter", "v": {"$t": "counter", "v": {}}},
        {"$t": "ordereddict", "v": [["a", 2]]},
        {"$t": "defaultdict(int)", "v": None},
        {"$t": "timedelta", "v": [10**30]},
        {"$t": "decimal", "v": "one"},
        {"$t": "bytes", "v": "!"},
        {"$t": "datetime", "v": ["2026-01-31T00:00:00", "../../etc/passwd", 0]},
        {"$t": "enum", "v": [["x"], "x"]},
    ],
    ids=str,
)
def test_a_wrong_tag_is_refused_with_its_path(tagged: Any) -> None:
    """A tag that is malformed, or holds what is not of its kind, says where it lies."""
    with pytest.raises(SerializationError) as caught:
        from_tagged({"inputs": [0, tagged]})

    assert caught.value.path.startswith("['inputs'][1]")


@pytest.mark.parametrize(
    "tagged",
    [
        {"$t": "os.system", "v": "true"},
        {"$t": "defaultdict(print)", "v": {}},
        {"$t": "defaultdict", "v": {}},
        {"$t": "datetime", "v": ["2026-01-31T00:00:00", "Europe", 0]},
        {"$t": "datetime", "v": ["2026-01-31T00:00:00", "Nowhere/Atlantis", 0]},
        {"$t": "enum", "v": ["builtins.print", "x"]},
        {"$t": "array", "v": {"$t": "bytes", "v": "YWI="}},
        {"$t": "dataframe", "v": {"arrow": {"$t": "bytes", "v": "YWI="}}},
    ],
    ids=str,
)
def test_what_is_unknown_here_is_left_unread(tagged: Any) -> None:
    """Nothing is looked up, imported or called for it; it is written back as it was."""
    data = {"inputs": [0, tagged]}
    read = from_tagged(data)

    assert Opaque is type(read["inputs"][1])
    assert data == to_tagged(read)


def test_bad_json_is_located() -> None:
    """Text that is no JSON says where it stops being JSON."""
    with pytest.raises(SerializationError, match="line 2, column 7"):
        parse_json('{"a": 1,\n "b": }')


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}', "1" * 5000, "[" * 100_000, ""])
def test_json_that_can_not_be_read(text: str) -> None:
    """Constants that JSON lacks, endless digits and endless nesting are refused."""
    with pytest.raises(SerializationError):
        parse_json(text)


def test_endless_digits_come_back() -> None:
    """An integer that is too long for Python to write in decimal is kept, too."""
    assert 10**5000 == from_tagged(json.loads(json.dumps(to_tagged(10**5000))))


@pytest.mark.parametrize("levels", [5 * MAX_DEPTH, 100_000])
def test_deep_data_are_refused(levels: int) -> None:
    """Tagged data that nest more than any value are refused, whatever Python could bear."""
    data: Any = None
    for _ in range(levels):
        data = [data]

    with pytest.raises(SerializationError, match="levels deep"):
        from_tagged(data)

# SPDX-License-Identifier: Apache-2.0
"""Values as tagged JSON, and the closed table behind both serializers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict
from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionkit.errors import SerializationError
from sessionkit.testing.serializers import assert_same
from sessionkit.values import MAX_DEPTH, Kinds, from_tagged, parse_json, to_tagged

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
        {"$t": "os.system", "v": "true"},
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
        {"$t": "defaultdict(print)", "v": {}},
        {"$t": "defaultdict", "v": {}},
        {"$t": "timedelta", "v": [10**30]},
        {"$t": "decimal", "v": "one"},
        {"$t": "bytes", "v": "!"},
        {"$t": "datetime", "v": ["2026-01-31T00:00:00", "../../etc/passwd", 0]},
        {"$t": "datetime", "v": ["2026-01-31T00:00:00", "Europe", 0]},
        {"$t": "datetime", "v": ["2026-01-31T00:00:00", "Nowhere/Atlantis", 0]},
        {"$t": "enum", "v": ["builtins.print", "x"]},
        {"$t": "enum", "v": [["x"], "x"]},
        {"$t": "array", "v": {"$t": "bytes", "v": "YWI="}},
        {"$t": "dataframe", "v": {"arrow": {"$t": "bytes", "v": "YWI="}}},
    ],
    ids=str,
)
def test_a_wrong_tag_is_refused_with_its_path(tagged: Any) -> None:
    """A tag that is unknown, or holds what is not of its kind, says where it lies."""
    with pytest.raises(SerializationError) as caught:
        from_tagged({"inputs": [0, tagged]})

    assert caught.value.path.startswith("['inputs'][1]")


def test_bad_json_is_located() -> None:
    """Text that is no JSON says where it stops being JSON."""
    with pytest.raises(SerializationError, match="line 2, column 7"):
        parse_json('{"a": 1,\n "b": }')


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}', "1" * 5000, "[" * 100_000, ""])
def test_json_that_can_not_be_read(text: str) -> None:
    """Constants that JSON lacks, endless digits and endless nesting are refused."""
    with pytest.raises(SerializationError):
        parse_json(text)


def test_deep_values_come_back() -> None:
    """A value may nest as deeply as promised, whatever makes the levels; one level more is refused."""
    for deeper in (
        *(lambda inner: [inner], lambda inner: (inner,), lambda inner: {1: inner}),
        *(lambda inner: Counter({1: inner}), lambda inner: defaultdict(list, {1: inner})),
    ):
        value: Any = ()
        for _ in range(MAX_DEPTH):
            value = deeper(value)

        assert_same(value, from_tagged(to_tagged(value)))
        with pytest.raises(SerializationError, match="levels deep"):
            to_tagged(deeper(value))


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


def test_a_caller_deep_in_the_stack_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python's own limit is met first, the value is refused all the same."""
    value: Any = ()
    for _ in range(MAX_DEPTH):
        value = (value,)
    tagged = to_tagged(value)
    monkeypatch.setattr(Kinds, "find", _overflow)
    monkeypatch.setattr(Kinds, "named", _overflow)

    with pytest.raises(SerializationError, match="levels deep"):
        to_tagged(value)
    with pytest.raises(SerializationError, match="levels deep"):
        from_tagged(tagged)


def test_a_key_that_can_not_be_shown_is_named_by_its_type() -> None:
    """The path of a value under an endless number, or under an object, bears the key's type."""
    for key, step in ((10**5000, "[int]"), ((1, "a"), "[tuple]"), (object(), "[object]")):
        with pytest.raises(SerializationError) as caught:
            to_tagged({key: object()})

        assert step == caught.value.path


def _overflow(*_: object) -> None:
    raise RecursionError


def test_a_list_may_shrink_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is taken as it was at one moment, whoever changes it while its items are walked."""
    rows: list[Any] = [(1,), 2, 3]
    find = Kinds.find

    def clear_and_find(kinds: Kinds, value: object) -> Any:
        rows.clear()
        return find(kinds, value)

    monkeypatch.setattr(Kinds, "find", clear_and_find)

    assert [{"$t": "tuple", "v": [1]}, 2, 3] == to_tagged(rows)


def test_the_path_of_what_holds_itself_is_short() -> None:
    """A value inside itself is refused with the beginning of its endless path."""
    value: dict[str, Any] = {}
    value["me"] = value

    with pytest.raises(SerializationError) as caught:
        to_tagged({"inputs": value})

    assert caught.value.path.startswith("['inputs']['me']['me']")
    assert 200 >= len(caught.value.path)


class _Odd:
    """What makes the default of a ``defaultdict``: it is no key, and equals everything."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, _: object) -> bool:
        return True

    def __call__(self) -> int:
        return 0


@pytest.mark.parametrize("factory", [lambda: 0, _Odd(), Counter], ids=repr)
def test_a_default_that_code_makes_is_refused(factory: Any) -> None:
    """Code is never stored; the reason says which factories are kept, and what to do instead."""
    value = defaultdict(factory, a=1)

    with pytest.raises(SerializationError, match=r"\['x'\].*int, float, str.*store it as a dict"):
        to_tagged({"x": value})
    assert {"x": {"a": 1}} == to_tagged({"x": dict(value)})


def test_the_path_of_a_value_in_a_counter_is_that_of_a_dict() -> None:
    """How it is stored does not show."""
    with pytest.raises(SerializationError) as caught:
        to_tagged({"cart": Counter({"tea": object()})})

    assert "['cart']['tea']" == caught.value.path


def test_a_moved_key_stays_where_it_was_moved() -> None:
    """The order of an ``OrderedDict`` is its own, not that in which its keys were set."""
    value = OrderedDict(a=1, b=2)
    value.move_to_end("a")

    assert_same(value, from_tagged(to_tagged(value)))


def test_a_foreign_time_zone_is_refused() -> None:
    """A ``tzinfo`` of another library would not come back; the right one is named."""
    Foreign = type("Foreign", (tzinfo,), {})  # noqa: N806 - a class
    with pytest.raises(SerializationError, match=r"Foreign.*zoneinfo\.ZoneInfo"):
        to_tagged(datetime(2026, 1, 31, tzinfo=Foreign()))


def test_importing_is_light() -> None:
    """The table imports none of the libraries whose types it knows."""
    code = (
        "import sys, sessionkit.values, sessionkit.defaults.msgpack, sessionkit.defaults.json\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert "[]\n" == done.stdout


def test_names_and_codes_are_fixed() -> None:
    """What is stored keeps its meaning: an entry of this list never changes."""
    kinds = Kinds()
    codes = {
        "tuple": 1,
        "dict": 2,
        "set": 3,
        "frozenset": 4,
        "int": 5,
        "float": 6,
        "complex": 7,
        "bytes": 8,
        "decimal": 9,
        "uuid": 10,
        "enum": 11,
        "ordereddict": 12,
        "counter": 13,
        "date": 16,
        "time": 17,
        "datetime": 18,
        "timedelta": 19,
        "defaultdict(None)": 20,
        "defaultdict(bool)": 21,
        "defaultdict(int)": 22,
        "defaultdict(float)": 23,
        "defaultdict(str)": 24,
        "defaultdict(list)": 25,
        "defaultdict(dict)": 26,
        "defaultdict(set)": 27,
        "defaultdict(tuple)": 28,
        "array": 32,
        "table": 33,
        "dataframe": 34,
        "series": 35,
        "timestamp": 36,
    }

    assert codes == {name: kinds.named(name).code for name in codes}
    assert list(codes) == [kinds.coded(code).name for code in codes.values()]

# SPDX-License-Identifier: Apache-2.0
"""Values that a process can't read: made by both serializers, and written back to the byte."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import ormsgpack
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pytest

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.errors import SerializationError
from sessionkit.testing.serializers import assert_same
from sessionkit.values import Opaque


class Size(Enum):
    """An enum that some processes know."""

    LARGE = "l"
    SMALL = "s"


SERIALIZERS = pytest.mark.parametrize("make", [MsgpackSerializer, JsonSerializer])

NESTED: dict[str, Any] = {
    "alone": Size.LARGE,
    "list": [1, [Size.LARGE]],
    "tuple": (1, Size.LARGE),
    "set": {1, "a", Size.LARGE, (Size.SMALL, 2)},
    "frozenset": frozenset({Size.LARGE}),
    "dict": {"a": {"b": Size.LARGE}},
    "key": {Size.LARGE: 1, 2: "x"},
    "counter": Counter({Size.LARGE: 2, "a": 1}),
    "ordered dict": OrderedDict(b=Size.LARGE, a=1),
    "default dict": defaultdict(list, {1: [Size.LARGE]}),
    "name of a series": pd.Series([1], name=Size.LARGE),
}


@SERIALIZERS
@pytest.mark.parametrize("name", NESTED)
def test_what_a_process_does_not_know_comes_back_in_one_that_does(
    make: Callable[..., Any], name: str
) -> None:
    """Whatever it lies in, to the byte."""
    knows, lacks = make(enums=[Size]), make()
    stored = knows.dumps({"value": NESTED[name]})
    read = lacks.loads(stored)

    assert stored == lacks.dumps(read)
    back = knows.loads(lacks.dumps(read))["value"]
    if name == "name of a series":
        assert Size.LARGE is back.name
    else:
        assert_same(NESTED[name], back)


@SERIALIZERS
def test_one_that_is_unknown_says_why_and_nothing_of_what_it_holds(
    make: Callable[..., Any],
) -> None:
    """The reason names the remedy."""
    found = make().loads(make(enums=[Size]).dumps([Size.LARGE]))[0]

    assert Opaque is type(found)
    assert "pass its class to the serializer (enums=[...])" in found.reason
    assert "LARGE" not in repr(found)


@SERIALIZERS
@pytest.mark.parametrize(
    ("library", "value"),
    [
        ("pandas", pd.DataFrame({"a": [1]})),
        ("pandas", pd.Series([1])),
        ("pandas", pd.Timestamp("2026-01-31")),
        ("pyarrow", pd.DataFrame({"a": [1]})),
        ("pyarrow", pa.table({"a": [1]})),
        ("numpy.lib.format", np.arange(3)),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_library_that_is_missing_is_named_and_the_value_kept(
    make: Callable[..., Any], library: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a replica whose image lacks it."""
    serializer = make()
    stored = serializer.dumps({"value": value})
    with monkeypatch.context() as without:
        without.setitem(sys.modules, library, None)
        read = serializer.loads(stored)
        again = serializer.dumps(read)

    assert f"{library} is needed for this value" in read["value"].reason
    assert stored == again
    assert type(value) is type(serializer.loads(again)["value"])


@SERIALIZERS
def test_a_table_that_the_library_here_can_not_read_is_kept(make: Callable[..., Any]) -> None:
    """Another release of it may have written it: whether it is damaged is not told from here."""
    serializer = make()
    tagged = JsonSerializer().dumps(pd.DataFrame({"a": [1]})).replace(b"/////", b"AAAAA")
    stored = serializer.dumps(JsonSerializer().loads(tagged))

    assert "stored dataframe can't be read" in serializer.loads(stored).reason
    assert stored == serializer.dumps(serializer.loads(stored))


@SERIALIZERS
def test_a_time_in_a_zone_that_is_unknown_here_is_kept(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an image without tzdata."""
    serializer = make()
    value = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    stored = serializer.dumps([value, datetime(2026, 7, 1, tzinfo=UTC)])
    with monkeypatch.context() as without:
        without.setattr("sessionkit.values.kind.ZoneInfo", _no_zones)
        read = serializer.loads(stored)
        again = serializer.dumps(read)

    assert "install the package tzdata" in read[0].reason
    assert datetime(2026, 7, 1, tzinfo=UTC) == read[1]
    assert_same(value, serializer.loads(again)[0])


def _no_zones(name: str) -> ZoneInfo:
    raise OSError(name)


def test_an_extension_of_a_newer_release_is_kept() -> None:
    """Whatever its bytes are, through the other serializer, too."""
    stored = ormsgpack.packb({"a": [1, ormsgpack.Ext(99, b"\xc1 no MessagePack")]})
    msgpack, tagged = MsgpackSerializer(), JsonSerializer()
    read = msgpack.loads(stored)

    assert "a newer release may have written it" in read["a"][1].reason
    assert stored == msgpack.dumps(read)
    assert stored == msgpack.dumps(tagged.loads(tagged.dumps(read)))


def test_a_tag_of_a_newer_release_is_kept() -> None:
    """With all that it holds; the other serializer has no place for it, and says so."""
    stored = b'{"a":[{"$t":"matrix","v":[{"$t":"date","v":"2026-01-31"}]}]}'
    read = JsonSerializer().loads(stored)

    assert stored == JsonSerializer().dumps(read)
    with pytest.raises(SerializationError, match="the kind 'matrix' has no extension code"):
        MsgpackSerializer().dumps(read)


@pytest.mark.parametrize("kind", ["msgpack:", "msgpack:-1", "msgpack:128", "msgpack:9x", "x:9"])
def test_only_a_code_makes_an_extension(kind: str) -> None:
    """What stands in a JSON file may be anything."""
    with pytest.raises(SerializationError, match="no extension code"):
        MsgpackSerializer().dumps(Opaque(kind, b"x", ""))


def test_two_that_hold_the_same_are_equal() -> None:
    """In sets and as keys, whatever they hold."""
    one, other = (Opaque("enum", ["m.Size", "LARGE"], reason) for reason in "ab")

    assert {one: 1} == {other: 1}
    assert Opaque("enum", ["m.Size", "SMALL"], "a") != one

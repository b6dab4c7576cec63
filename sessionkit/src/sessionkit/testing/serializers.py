# SPDX-License-Identifier: Apache-2.0
"""
The suite that proves a serializer right.

::

    class TestYamlSerializer(SerializerConformance):
        @pytest.fixture
        def serializer(self):
            return YamlSerializer()
"""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from sessionkit.errors import SerializationError
from sessionkit.serializer import Serializer
from sessionkit.testing.serializer_samples import (
    PROBES,
    REFUSED,
    Colour,
    changing,
    damaged,
    deep,
    edit,
)


class SerializerConformance:
    """Subclass it, override the fixture ``serializer``, and let pytest collect the subclass."""

    @pytest.fixture
    def serializer(self) -> Serializer:
        """Return the serializer under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", PROBES)
    def test_round_trip(self, serializer: Serializer, name: str) -> None:
        """A value comes back equal and of the same type, alone and inside a session's data."""
        value = PROBES[name]

        assert_same(value, serializer.loads(serializer.dumps(value)))
        nested = {"inputs": {"key": [value]}}
        assert_same(nested, serializer.loads(serializer.dumps(nested)))

    def test_all_at_once(self, serializer: Serializer) -> None:
        """Values of all kinds live side by side."""
        assert_same(PROBES, serializer.loads(serializer.dumps(PROBES)))

    def test_dumps_bytes(self, serializer: Serializer) -> None:
        """What is stored is bytes, nothing like them."""
        assert bytes is type(serializer.dumps({}))

    @pytest.mark.parametrize("name", PROBES)
    def test_equal_data_give_equal_bytes(self, serializer: Serializer, name: str) -> None:
        """A value that was stored and read again gives the same bytes: nothing has changed."""
        once = serializer.dumps({"key": PROBES[name]})

        assert once == serializer.dumps({"key": PROBES[name]})
        assert once == serializer.dumps(serializer.loads(once))

    def test_the_order_of_sets_is_irrelevant(self, serializer: Serializer) -> None:
        """Equal sets give equal bytes, however they were filled and whatever they hold."""
        members: list[Any] = [*range(40), *map(str, range(40)), (1, "a"), None, 2.5, b"x"]
        forth = set(members)
        back: set[Any] = set()
        for member in reversed(members):
            back.add(member)
        grown = set(range(10_000)) | forth
        grown -= set(range(40, 10_000))  # a larger table: another order of iteration

        assert serializer.dumps(forth) == serializer.dumps(back) == serializer.dumps(grown)
        assert serializer.dumps(frozenset(forth)) == serializer.dumps(frozenset(grown))

    def test_the_order_of_dicts_is_kept(self, serializer: Serializer) -> None:
        """A dict comes back in its order, with text keys and others."""
        for data in ({"b": 1, "a": 2, "c": 3}, {2: "b", 1: "a", "c": 3}):
            assert list(data) == list(serializer.loads(serializer.dumps(data)))

    @pytest.mark.parametrize("name", REFUSED)
    def test_refuses_with_path(self, serializer: Serializer, name: str) -> None:
        """What can't be kept is refused, and the error says where it lies."""
        data = {"fine": 1, "upload": [date(2026, 1, 31), {2: (REFUSED[name],)}]}

        with pytest.raises(SerializationError) as caught:
            serializer.dumps(data)

        assert caught.value.path.startswith("['upload'][1][2][0]")
        assert caught.value.reason

    def test_refuses_what_is_no_key(self, serializer: Serializer) -> None:
        """An odd key is refused like a value, never turned into text."""
        with pytest.raises(SerializationError) as caught:
            serializer.dumps({"forms": {Colour.RED: 1}})

        assert caught.value.path.startswith("['forms'][")

    def test_names_type_and_remedy(self, serializer: Serializer) -> None:
        """The reason names the type, and what to store instead."""
        with pytest.raises(SerializationError, match=r"UploadedFile.*store its key"):
            serializer.dumps(REFUSED["uploaded file"])

    def test_refuses_what_holds_itself(self, serializer: Serializer) -> None:
        """A list or dict inside itself is refused as any other value."""
        in_list: list[Any] = []
        in_list.append((in_list,))
        in_dict: dict[Any, Any] = {}
        in_dict[1] = {"me": in_dict}

        for value in (in_list, in_dict, deep(100_000)):
            with pytest.raises(SerializationError):
                serializer.dumps(value)

    @pytest.mark.parametrize("name", PROBES)
    def test_damaged_bytes(self, serializer: Serializer, name: str) -> None:
        """Damaged bytes are read as something else or refused; nothing else happens."""
        good = serializer.dumps([PROBES[name]])[:500]

        assert {"read", "refused"} >= {_outcome(serializer, damaged(good, n)) for n in range(100)}

    def test_truncated_bytes(self, serializer: Serializer) -> None:
        """The beginning of a value is none."""
        good = serializer.dumps({"a": [1, (2, "x")], "b": {3: date(2026, 1, 31)}})

        assert {"refused"} == {_outcome(serializer, good[:size]) for size in range(len(good))}

    def test_trailing_bytes(self, serializer: Serializer) -> None:
        """A value followed by anything is refused: it is not what was written."""
        good = serializer.dumps({"a": 1})

        assert {"refused"} == {_outcome(serializer, good + tail) for tail in (b"\x00", b"x", good)}

    def test_bytes_of_nobody(self, serializer: Serializer) -> None:
        """Random bytes give a value or a ``SerializationError``."""
        chance = random.Random(0)  # noqa: S311 - repeatable, no secret
        noise = [chance.randbytes(chance.randint(0, 60)) for _ in range(2_000)]

        assert {"read", "refused"} >= {_outcome(serializer, data) for data in noise}

    @pytest.mark.parametrize("opening", [b"[", b'{"a":', b"\x91", b"\x81\xa1a", b"\xc7\xff\x01"])
    def test_deep_nesting(self, serializer: Serializer, opening: bytes) -> None:
        """Bytes that nest without end are refused before they exhaust the stack."""
        assert "refused" == _outcome(serializer, opening * 200_000)

    def test_loading_imports_nothing(self, serializer: Serializer) -> None:
        """Stored bytes, damaged or not, make the serializer import nothing."""
        good = serializer.dumps({"all": PROBES})
        serializer.loads(good)
        before = set(sys.modules)

        for seed in range(200):
            _outcome(serializer, damaged(good, seed))

        assert before == set(sys.modules)

    def test_threads(self, serializer: Serializer) -> None:
        """Several threads use one serializer at once."""
        expected = serializer.dumps(PROBES)
        together = Barrier(4)

        def work(_: int) -> bool:
            together.wait()
            done = [serializer.dumps(PROBES) for _ in range(5)]
            return all(expected == serializer.dumps(serializer.loads(data)) for data in done)

        with ThreadPoolExecutor(4) as pool:
            assert [True] * 4 == list(pool.map(work, range(4)))

    @pytest.mark.parametrize("extra", [0, date(2026, 1, 31)], ids=["plain", "tagged"])
    def test_data_that_change_meanwhile(self, serializer: Serializer, extra: object) -> None:
        """What another thread changes is stored whole, or the caller gets a ``RuntimeError``."""
        form: dict[str, Any] = {"rows": [], "names": set(), "extra": extra}
        with changing(lambda turn: edit(form, turn)):
            for _ in range(100):
                stored = _while_changing(serializer, form)
                assert stored is None or {"rows", "names", "extra"} <= stored.keys()


def _while_changing(serializer: Serializer, data: Any) -> Any:  # noqa: ANN401 - any value
    try:
        return serializer.loads(serializer.dumps(data))
    except RuntimeError:
        return None


def _outcome(serializer: Serializer, data: bytes) -> str:
    try:
        serializer.loads(data)
    except SerializationError:
        return "refused"
    return "read"


def assert_same(expected: Any, actual: Any) -> None:  # noqa: ANN401 - any value
    """Assert that two values are equal and of the same types, all the way down."""
    assert type(expected) is type(actual)
    if isinstance(expected, dict):
        assert_same(list(expected.items()), list(actual.items()))
        assert getattr(expected, "default_factory", None) is getattr(
            actual, "default_factory", None
        )
    elif isinstance(expected, list | tuple):
        assert len(expected) == len(actual)
        for one, other in zip(expected, actual, strict=True):
            assert_same(one, other)
    elif isinstance(expected, set | frozenset):
        assert expected == actual
        assert {(type(item), item) for item in expected} == {(type(item), item) for item in actual}
    else:
        assert _details(expected) == _details(actual)


def _details(value: Any) -> Any:  # noqa: ANN401 - any probe
    """Return what ``==`` overlooks."""
    if isinstance(value, float | complex | Decimal):
        return repr(value)  # -0.0, NaN, 1.10
    if isinstance(value, datetime | time):
        return (value.fold, type(value.tzinfo), str(value.tzinfo), value.replace(tzinfo=None))
    return value

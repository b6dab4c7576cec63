# SPDX-License-Identifier: Apache-2.0
"""What the serializer suite stores, what it expects to be refused, and how it does damage."""

from __future__ import annotations

import io
import random
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from itertools import count
from pathlib import PurePosixPath
from threading import Event, Thread
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

_BERLIN: Final = ZoneInfo("Europe/Berlin")
_UUID: Final = UUID("12345678-1234-5678-1234-567812345678")


class Colour(Enum):
    """An enum that nobody registers."""

    RED = "red"


class UploadedFile(io.BytesIO):
    """A file as a web framework hands it to the app."""


class Cart(dict[str, int]):
    """A dict that is more than a dict."""


class Text(str):
    """A text that is more than a text."""

    __slots__ = ()


Point = namedtuple("Point", ["x", "y"])  # noqa: PYI024 - what apps have, typed or not

PROBES: Final[dict[str, Any]] = {
    "none": None,
    "booleans": [True, False],
    "integers": [0, -1, 2**53 + 1, -(2**63), 2**64 - 1],
    "large integers": [2**64, -(2**63) - 1, 10**100],
    "floats": [0.1, -0.0, 1e300, 5e-324],
    "no numbers": [float("nan"), float("inf"), float("-inf")],
    "complex": [1 + 2j, complex("nan")],
    "texts": ["", "ä", "a\0b", "𝄞", "$t", "x" * 70_000],
    "bytes": [b"", b"\x00\xff\xc4", b"x" * 70_000],
    "list": [1, [2, []]],
    "dict": {"b": 1, "a": {"c": None}},
    "integer keys": {0: "a", 1: {2: "b"}},
    "odd keys": {(1, 2): 1, None: 2, 1.5: 3, b"k": 4, date(2026, 1, 31): 5, frozenset({1}): 6},
    "equal looking keys": {"1": "text", 1: "number"},
    "a dict like a tag": {"$t": "date", "v": "2026-01-31"},
    "a dict unlike a tag": {"$t": 1, "$v": {"$t": []}, "v": 2},
    "counters": [Counter(), Counter("aab"), Counter({1: 2, (1, 2): -1, None: 0})],
    "ordered dicts": [OrderedDict(), OrderedDict(b=1, a={"$t": 2}), OrderedDict({2: "b", 1: "a"})],
    "default dicts": [
        *(defaultdict(None, {"a": 1}), defaultdict(int, a=1), defaultdict(list, {1: [(2,)]})),
        *(defaultdict(made) for made in (bool, float, str, dict, set, tuple)),
    ],
    "tuples": [(), (1,), ((1, (2,)), [3])],
    "sets": [set(), {1, 2, 3}, {"a", 1, (2, 3), None, frozenset({b"x"})}],
    "frozenset": frozenset({date(2026, 1, 31), "a"}),
    "date": date(2026, 1, 31),
    "date range": (date(2026, 1, 1), date(2026, 1, 31)),
    "open date range": (date(2026, 1, 1),),
    "times": [time(), time(12, 30, 1, 5), time(12, tzinfo=UTC), time(2, 30, fold=1)],
    "naive datetime": datetime(2026, 1, 31, 12, 30, 1, 5),  # noqa: DTZ001 - naive is the point
    "datetime in UTC": datetime(2026, 1, 31, tzinfo=UTC),
    "datetime at an offset": datetime(
        2026, 1, 31, tzinfo=timezone(-timedelta(hours=3, minutes=30))
    ),
    "datetime at a named offset": datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=1), "CET")),
    "datetime in a zone": datetime(2026, 7, 1, 12, tzinfo=_BERLIN),
    "ambiguous datetimes": [
        datetime(2026, 10, 25, 2, 30, tzinfo=_BERLIN, fold=fold) for fold in (0, 1)
    ],
    "timedeltas": [timedelta(), timedelta(-1, 3, 5), timedelta.max],
    "decimals": [Decimal("1.10"), Decimal("NaN"), Decimal("-Infinity"), Decimal("1E+99")],
    "uuid": _UUID,
    "edited rows": {"edited_rows": {0: {"name": "x"}}, "added_rows": [], "deleted_rows": [2]},
}
"""Values that come back equal and of the same type, by name."""

REFUSED: Final[dict[str, Any]] = {
    "uploaded file": UploadedFile(b"x"),
    "function": len,
    "lambda": lambda: None,
    "class": dict,
    "module": sys,
    "object": object(),
    "path": PurePosixPath("a"),
    "unregistered enum": Colour.RED,
    "named tuple": Point(1, 2),
    "subclass of dict": Cart(a=1),
    "subclass of Counter": type("Stock", (Counter,), {})("a"),
    "code that makes defaults": defaultdict(lambda: 0, a=1),
    "subclass of str": Text("a"),
    "lone surrogate": "\ud800",
    "lone surrogate as a key": {"\ud800": 1},
    "subclass of str as a key": {Text("a"): 1},
}
"""Values that are refused, by name."""


def deep(levels: int) -> list[Any]:
    """Return lists that nest this deeply."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def damaged(good: bytes, seed: int) -> bytes:
    """Return *good* cut, changed, doubled or replaced; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    damaged = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(damaged) + 1)
        damaged[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    return bytes(damaged[: chance.randint(0, len(damaged))] if seed % 3 == 0 else damaged)


def edit(form: dict[str, Any], turn: int) -> None:
    """Change a form as its page does, a bit differently each turn."""
    rows = form["rows"]
    rows.extend([date(2026, 1, 31), "x"] * 50)
    form[f"field {turn % 50}"] = turn
    form["names"].add(turn % 1000)
    form.pop(f"field {(turn + 25) % 50}", None)
    rows.clear()
    form["names"].discard((turn + 500) % 1000)


@contextmanager
def changing(change: Callable[[int], None]) -> Iterator[None]:
    """Call *change* over and over in another thread, as long as the block runs."""
    done = Event()

    def run() -> None:
        for turn in count():
            if done.is_set():
                return
            change(turn)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

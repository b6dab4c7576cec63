# SPDX-License-Identifier: Apache-2.0
"""Whether two things are defined alike, though a rerun has made them anew."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from session_harness.data import LINKS, endless

from sessionkit.values.definitions import Definition, defined_alike, hints_of

PAGE = """
import abc, dataclasses, enum, functools
import attrs
from typing import NamedTuple

class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"

class Base:
    limit = 3
    def own(self): return self.limit

class Newer(Base):
    def __init__(self, what="x", *, sizes=(Size.SMALL,)): self.what, self.sizes = what, sizes
    def resolve(self, conflict): return super().own()
    @property
    def name(self): return self.what
    @staticmethod
    def at(): return Size
    @classmethod
    def make(cls): return cls()

class Slots:
    __slots__ = ("a",)
    def __init__(self, a=1): self.a = a

class Abstract(abc.ABC):
    @abc.abstractmethod
    def resolve(self, conflict): ...

@attrs.define
class Attrs:
    size: Size = Size.SMALL
    more: list = attrs.field(factory=list)

@dataclasses.dataclass
class Data:
    size: Size = Size.SMALL

class Pair(NamedTuple):
    one: int

def cart(what, conflict=None): return what
def enclosing(size):
    def inner(conflict): return size
    return inner
itself = []
itself.append(itself)
"""

THINGS = [
    "Size",
    "Size.LARGE",
    "[Size]",
    "{'enums': [Size], 'n': 1}",
    "Base",
    "Newer",
    "Newer()",
    "Newer('y')",
    "Newer().resolve",
    "Newer.make",
    "Slots",
    "Slots(2)",
    "Abstract",
    "Attrs",
    "Attrs()",
    "Data",
    "Data()",
    "Pair(1)",
    "cart",
    "lambda conflict: cart",
    "functools.partial(cart, 'x', conflict=Size.SMALL)",
    "enclosing(Size.SMALL)",
    "enclosing(Newer())",
    "itself",
    "{1, 2}",
    "'text'",
]


def run(thing: str, page: str = PAGE) -> Any:
    """Return what a page makes in one more run."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(page, "page.py", "exec"), names)  # noqa: S102 - the page of this test
    return eval(compile(thing, "page.py", "eval"), names)  # noqa: S307 - the same


@pytest.mark.parametrize("thing", THINGS)
def test_what_an_unchanged_page_makes_anew_is_alike(thing: str) -> None:
    """Functions, lambdas, classes, objects, enums, and what holds them."""
    assert defined_alike(run(thing), run(thing))
    assert Definition(run(thing)) == Definition(run(thing))
    assert hash(Definition(run(thing))) == hash(Definition(run(thing)))


@pytest.mark.parametrize("thing", THINGS)
def test_all_others_are_not(thing: str) -> None:
    """No two of them are alike."""
    assert [] == [
        other for other in THINGS if other != thing and defined_alike(run(thing), run(other))
    ]


@pytest.mark.parametrize(
    ("thing", "was", "now"),
    [
        ("Size", '"l"', '"L"'),
        ("Size.LARGE", '"l"', '"L"'),
        ("Newer()", "limit = 3", "limit = 4"),
        ("Newer()", "super().own()", "None"),
        ("Newer()", 'what="x"', 'what="z"'),
        ("Newer", "return self.what", "return None"),
        ("cart", "return what", "return conflict"),
        ("Attrs()", "size: Size = Size.SMALL\n    more", "size: Size = Size.LARGE\n    more"),
        ("functools.partial(cart, 'x')", "return what", "return conflict"),
        ("enclosing(Size.SMALL)", "return size", "return None"),
    ],
)
def test_what_was_changed_is_not_alike(thing: str, was: str, now: str) -> None:
    """In the code, a default, a base, a value."""
    assert PAGE.count(was) == 1
    assert not defined_alike(run(thing), run(thing, PAGE.replace(was, now)))


def test_what_has_nothing_to_compare_is_only_itself() -> None:
    """Two locks are two."""
    lock = threading.Lock()
    assert defined_alike(lock, lock)
    assert not defined_alike(lock, threading.Lock())


def test_a_comparison_that_raises_proves_nothing() -> None:
    """As that of an array does, whose truth is not known."""

    class Odd:
        def __init__(self, n: int) -> None:
            self.n = n

        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise ValueError

    assert defined_alike(Odd(1), Odd(1))
    assert not defined_alike(Odd(1), Odd(2))


@pytest.mark.parametrize("link", LINKS)
def test_what_holds_one_another_again_and_again_is_gone_through_once(
    link: Callable[[Any], Any],
) -> None:
    """Settings of a page may share what they hold: a comparison ends."""
    assert defined_alike(endless(link), endless(link))
    assert not defined_alike(endless(link), endless(link, bottom=2))


SCRIPT = """
from __future__ import annotations
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

class Pair(NamedTuple):
    one: Note | None = None

@dataclass
class Note:
    text: str = ""
    date: date | None = None  # called like its type

@dataclass
class Titled:
    title: str = ""

@dataclass
class Board(Titled):
    notes: dict[str, Note] = field(default_factory=dict)

def look(what):
    return look_up(what)
"""


@pytest.fixture
def begin_run(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """Return a function that begins a run of a script as Streamlit does, and returns its names."""

    def begin_run() -> dict[str, Any]:
        monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
        return vars(sys.modules["__main__"])

    return begin_run


def test_what_a_class_of_a_script_names_is_looked_up_in_its_own_run(
    begin_run: Callable[[], dict[str, Any]],
) -> None:
    """Another tab's run has begun since, and has defined nothing yet; who asks later, anywhere, is told the same."""
    run = begin_run() | {"look_up": hints_of}
    exec(SCRIPT, run)  # noqa: S102 - our own script
    begin_run()

    look, note = run["look"], run["Note"]
    assert {"title": str, "notes": dict[str, note]} == look(run["Board"])
    assert {"one": note | None} == look(run["Pair"])
    assert {"text": str, "date": run["date"] | None} == look(note)
    assert {"title": str, "notes": dict[str, note]} == hints_of(run["Board"])
    assert {"title": str} == hints_of(run["Titled"])


def test_a_name_that_is_nowhere_is_an_error(begin_run: Callable[[], dict[str, Any]]) -> None:
    """As Python has it; once it is there, it is found."""
    run = begin_run() | {"look_up": hints_of}
    exec(SCRIPT, run)  # noqa: S102 - our own script
    note = run.pop("Note")
    with pytest.raises(NameError, match="'Note'"):
        run["look"](run["Board"])
    run["Note"] = note
    assert {"title": str, "notes": dict[str, note]} == run["look"](run["Board"])

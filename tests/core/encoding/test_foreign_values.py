# SPDX-License-Identifier: Apache-2.0
"""Values that raise, or worse, when they are looked at: each waits alone, all else is stored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, StrEnum
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest
from session_harness.replicas import Replica

from sessionkit.errors import PartlySavedError
from sessionkit.events import ValueNotSaved
from sessionkit.session import UserSession


def _fail(*_: object, **__: object) -> NoReturn:
    msg = "no answer"
    raise KeyError(msg)


class Standing:
    """Stands for another object, as a request's global does, outside of any request."""

    @property  # type: ignore[misc]  # what such proxies do
    def __class__(self) -> type:
        """Fail as they do."""
        msg = "working outside of request context"
        raise RuntimeError(msg)


class Iterating:
    """Looks like a list, and fails as one."""

    __iter__ = __len__ = __getitem__ = __array__ = __repr__ = _fail


class Label(StrEnum):
    """A text that would come back as another one."""

    FIRST = "first"


class Odd(Enum):
    """Its members fail to say who they are."""

    ONE = 1

    @property
    def name(self) -> str:
        """Fail."""
        return _fail()

    __repr__ = _fail


class Comparing:
    """Fails whatever it is compared with, and to be copied."""

    __eq__ = __deepcopy__ = _fail
    __hash__ = object.__hash__


def itself() -> list[Any]:
    """Return a list that holds itself."""
    cell: list[Any] = [1]
    cell.append({"parent": cell})
    return cell


def deep(levels: int = 10_000) -> list[Any]:
    """Return a list that nests so deeply."""
    cell: list[Any] = [1]
    for _ in range(levels):
        cell = [cell]
    return cell


def doubled() -> list[Any]:
    """Return lists that are few but hold each other in more ways than can be walked."""
    cell: list[Any] = [1]
    for _ in range(100):
        cell = [cell, cell]
    return cell


def objects(*cells: Any) -> pd.Series[Any]:
    """Return a column of objects."""
    return pd.Series([*cells, None], dtype=object)


def frame(*cells: Any) -> pd.DataFrame:
    """Return a table with these in a column of objects."""
    return pd.DataFrame({"fine": range(len(cells) + 1), "cell": objects(*cells)})


def index(*labels: Any) -> pd.DataFrame:
    """Return a table with these in its index."""
    labelled = pd.Index(np.array([*labels, None], dtype=object)[:-1], tupleize_cols=False)
    return pd.DataFrame({"v": range(len(labels))}, index=labelled)


def with_attrs(**attrs: Any) -> pd.DataFrame:
    """Return a table with notes."""
    made = pd.DataFrame({"a": [1]})
    made.attrs.update(attrs)
    return made


def columns(*labels: Any) -> pd.DataFrame:
    """Return a table with these as names of its columns."""
    return index(*labels).T


def released() -> memoryview:
    """Return a view of memory that is gone."""
    view = memoryview(b"x")
    view.release()
    return view


EARLIEST = datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))

FOREIGN: dict[str, Callable[[], Any]] = {
    "large integer in a cell": lambda: frame(10**20, 5),
    "large integer in a list": lambda: frame([1, [2**63]]),
    "large integer as a key": lambda: frame({10**20: 1}),
    "large integer in the index": lambda: index(10**20),
    "large integer as a column's name": lambda: columns(10**20, 1),
    "large integer in a Series": lambda: objects(10**20),
    "large integer in a category": lambda: pd.DataFrame({"c": pd.Categorical([10**20])}),
    "large integer as the index's name": lambda: frame(1).rename_axis(10**20),
    "moment before the first one": lambda: frame(EARLIEST),
    "cell that holds itself": lambda: frame(itself()),
    "dict that holds itself": lambda: frame({"children": itself()}),
    "label that holds itself": lambda: index((1, itself())),
    "Series that holds itself": lambda: objects(itself()),
    "array that holds itself in a cell": lambda: frame(np.array([itself(), 1], dtype=object)),
    "deep cell": lambda: frame(deep()),
    "cell in endless ways": lambda: frame(doubled()),
    "deep notes": lambda: with_attrs(note=deep()),
    "notes that hold themselves": lambda: with_attrs(note=itself()),
    "notes that fail": lambda: with_attrs(note=Comparing()),
    "notes of arrays": lambda: with_attrs(note=np.arange(3)),
    "cell that fails": lambda: frame(Iterating()),
    "cell of an app's own": lambda: frame(Comparing()),
    "cell that would be a mere timedelta": lambda: frame(pd.Timedelta("1h")),
    "cell that would be a mere text": lambda: frame(Label.FIRST),
    "label that fails": lambda: index(Comparing()),
    "column's name that fails": lambda: columns(Comparing()),
    "name of a Series that fails": lambda: pd.Series([1], name=Comparing()),
    "one that stands for another": Standing,
    "one that fails": Iterating,
    "enum that fails": lambda: Odd.ONE,
    "released memory": released,
}


def session_with(value: Any) -> UserSession:
    """Return a session with a value wherever an app may put one, and others."""
    session = UserSession(session_id="s", inputs={"odd": value, "fine": "typed"})
    session.get_form_state("f").data.update({"odd": {"deep": [value]}, "fine": "typed"})
    session.extensions.update({"odd": value, "fine": "typed"})
    return session


@pytest.fixture(name="replica", params=["msgpack", "json"])
def _replica(request: pytest.FixtureRequest) -> Replica:
    return Replica(serializer=request.param)


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.filterwarnings("ignore:Could not serialize pd.DataFrame.attrs")
def test_a_value_that_can_not_be_looked_at_waits_alone(replica: Replica, name: str) -> None:
    """It is told with its path; all else is stored, now and at the next save."""
    session = session_with(FOREIGN[name]())
    for theme in ("dark", "light"):
        session.theme = theme
        with pytest.raises(PartlySavedError, match=r"inputs\['odd'\]"):
            replica.save(session)
        stored = replica.load()
        assert ({"fine": "typed"}, theme) == (stored.inputs, stored.theme)
        assert "typed" == stored.form_states["f"].data["fine"] == stored.extensions["fine"]

    assert {
        "inputs['odd']",
        "form_states['f'].data['odd']['deep'][0]",
        "extensions['odd']",
    } == {event.path.removesuffix("['name']") for event in replica.told(ValueNotSaved)}


def test_keys_that_fail_wait_alone(replica: Replica) -> None:
    """Each is told, by its class where it can't show itself."""
    session = session_with("fine")
    session.inputs[Iterating()] = 1  # type: ignore[index]  # what an app may do
    session.extensions[Iterating()] = 1  # type: ignore[index]
    with pytest.raises(PartlySavedError):
        replica.save(session)

    assert {"fine", "odd"} == replica.load().inputs.keys() == replica.load().extensions.keys()
    assert {"inputs: key Iterating", "extensions: key Iterating"} == {
        event.path for event in replica.told(ValueNotSaved)
    }


def test_what_stands_in_a_place_of_ours_and_fails_waits_alone(replica: Replica) -> None:
    """A role, a form and a page view that are none."""
    session = session_with("fine")
    session.roles.add(Comparing())  # type: ignore[arg-type]  # what an app may do
    session.roles.add(Iterating())  # type: ignore[arg-type]
    session.page_views["home"] = Comparing()  # type: ignore[assignment]
    session.form_states["none"] = Iterating()  # type: ignore[assignment]
    session.form_states["f"].snapshots.append(Iterating())  # type: ignore[arg-type]
    session.navigation_history.append(Iterating())  # type: ignore[arg-type]
    with pytest.raises(PartlySavedError):
        replica.save(session)

    stored = replica.load()
    assert "typed" == stored.inputs["fine"] == stored.form_states["f"].data["fine"]
    assert {
        "roles",
        "page_views['home']",
        "form_states['none']",
        "form_states['f'].snapshots[0]",
        "navigation_history[0]",
    } == {event.path for event in replica.told(ValueNotSaved)}


def test_what_a_table_can_hold_is_kept_to_the_type(replica: Replica) -> None:
    """Arrow alone would give 1 back as 1.0, NaN as None, and a Timestamp as a datetime."""
    cells = {
        "numbers": [1, 1.5, None],
        "gaps": ["x", float("nan"), None],
        "moments": [pd.Timestamp("2026-01-31"), None, None],
        "zones": [datetime(2026, 1, 31, tzinfo=UTC), None, None],
        "lists": [[1, 2.5], [], None],
        "numpy's": [np.float64(1.5), np.float64(2), None],
    }
    table = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in cells.items()})
    replica.save(UserSession(session_id="s", inputs={"table": table, "series": table["lists"]}))
    back = replica.load()

    plain = {**cells, "numpy's": [1.5, 2.0, None]}
    assert repr(plain) == repr({name: list(back.inputs["table"][name]) for name in cells})
    assert repr(plain["lists"]) == repr(list(back.inputs["series"]))
    before = len(replica.store.writes)
    back.theme = None
    replica.save(back)
    assert before == len(replica.store.writes)

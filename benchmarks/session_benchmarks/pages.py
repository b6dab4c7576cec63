# SPDX-License-Identifier: Apache-2.0
"""
What a Streamlit page costs its user: the same page plain, with sessionkit and with another library, in turn.

Each has a process of its own, as an app has: what a library does to Streamlit costs its own page alone.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from secrets import token_urlsafe
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import TYPE_CHECKING, Final
from unittest import mock

import attrs

from session_benchmarks.backends import Backend
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Point, Row, Target, duration
from session_benchmarks.timing import calls_in, summary
from sessionkit.manager import default_manager
from sessionkit.manager.manager import SessionManager
from sessionkit.settings import Settings
from sessionkit.settings.settings import PersistenceSettings, SecuritySettings

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

FIELDS: Final = (10, 50)
"""How many fields a page has."""

_FIELD_RUNS: Final = 2000
"""How many fields are drawn in all, a page."""

_FIRST_PAGES: Final = 60
_FIRST_PAGE_FIELDS: Final = 50
_TARGET: Final = Target(ratio=1 / 1.05)
_FIRST_PAGE: Final = 2e-3
_PEER: Final = "st-page-state"
_WAIT: Final = 60
"""Seconds that a page may take before something is wrong."""

_IMPORTS: Final = (
    "import streamlit as st\n"
    "from sessionkit import bootstrap_session, persist_input\n"
    "from sessionkit_streamlit import persist\n"
)


@attrs.frozen
class Page:
    """
    A page with text fields.

    Attributes:
        name: What tables call what it adds.
        head: The lines before the fields.
        field: Makes one line of a field's key.
    """

    name: str
    head: Callable[[Sequence[str]], str]
    field: Callable[[str], str]

    def script(self, fields: int) -> str:
        """Return the script of so many fields."""
        keys = [f"field{number}" for number in range(fields)]
        return self.head(keys) + "".join(f"{self.field(key)}\n" for key in keys)


def _drawn(key: str) -> str:
    return f"st.text_input({key!r}, key={key!r})"


PLAIN: Final = Page("plain", lambda _: "import streamlit as st\n", _drawn)
OURS: Final = (
    Page(
        "persist(*keys)",
        lambda keys: f"{_IMPORTS}bootstrap_session()\npersist(*{keys!r})\n",
        _drawn,
    ),
    Page(
        "persist_input each",
        lambda _: f"{_IMPORTS}bootstrap_session()\n",
        lambda key: f"persist_input({key!r}, {_drawn(key)})",
    ),
)


def page_rows(backend: Backend, plan: Plan, fields: Sequence[int] = FIELDS) -> Iterator[Row]:
    """Time reruns in which nothing changed, or one field, and the first page of a session that is stored."""
    with TemporaryDirectory() as folder:
        pages = [*OURS, *peer_pages(Path(folder))]
        for number in fields:
            with _opened(backend, (PLAIN, *pages), number) as tabs:
                for one in (False, True):
                    yield from _rerun_rows(plan, tabs, number, changed=one)
    with _opened(backend, (PLAIN, OURS[0]), _FIRST_PAGE_FIELDS) as tabs:
        yield _first_page_row(backend, plan, tabs)


def own_page_rows(backend: Backend, plan: Plan) -> Iterator[Row]:
    """Time only our own reruns in which one field changed: what no change of the code may make slower."""
    for number in FIELDS:
        with _opened(backend, (PLAIN, *OURS), number) as tabs:
            yield from _rerun_rows(plan, tabs, number, changed=True)


def peer_pages(folder: Path) -> list[Page]:
    """
    Return the other library's page; none where it is not installed.

    Args:
        folder: Where its modules are written.
    """
    try:
        release = version(_PEER)
    except PackageNotFoundError as error:
        sys.stderr.write(f"left out: {_PEER} ({error}; the dependency group bench has it)\n")
        return []

    def head(keys: Sequence[str]) -> str:
        # In a module of its own, which a rerun does not make anew.
        name = f"peer_state_{len(keys)}"
        state = "".join(f"    {key}: str = StateVar(default='')\n" for key in keys)
        text = f"from st_page_state import PageState, StateVar\n\nclass Fields(PageState):\n{state}"
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        return f"import sys\nimport streamlit as st\n{_on_path(folder)}from {name} import Fields\n"

    return [
        Page(
            f"{_PEER} {release}",
            head,
            lambda key: f"st.text_input({key!r}, **Fields.bind({key!r}))",
        )
    ]


def _on_path(folder: Path) -> str:
    return f"{str(folder)!r} in sys.path or sys.path.append({str(folder)!r})\n"


@contextmanager
def _opened(
    backend: Backend, pages: Sequence[Page], fields: int
) -> Iterator[Mapping[Page, Executor]]:
    """Open a tab of each page, each in a process of its own."""
    with ExitStack() as stack:
        tabs = {}
        for page in pages:
            process = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            tabs[page] = stack.enter_context(process)
            process.submit(_open, page.script(fields), backend.storages).result()
            stack.callback(process.submit, _close)
        yield tabs


def _rerun_rows(
    plan: Plan, tabs: Mapping[Page, Executor], fields: int, *, changed: bool
) -> Iterator[Row]:
    rounds = plan.rounds(_FIELD_RUNS // fields)
    taken = [_round(tabs, number, changed=changed) for number in range(calls_in(rounds))]
    what = "one changed" if changed else "nothing changed"
    for page in tabs:
        if page is PLAIN:
            continue
        pairs = [(each[PLAIN], each[page]) for each in taken[-rounds:]]
        yield Row(
            measured=f"{page.name}: rerun of {fields} fields, {what}",
            against="the same page, plain",
            pair=summary(pairs),
            target=_TARGET if page in OURS else Target(),
            note=f"adds {_added(pairs)}",
            point=Point(page.name, f"{fields} fields, {what}", "page", ""),
        )


def _round(tabs: Mapping[Page, Executor], number: int, *, changed: bool) -> dict[Page, float]:
    """Rerun each page once, in the other order every other time."""
    value = _value(number) if changed else None
    pages = list(tabs) if number % 2 else list(reversed(tabs))
    return {page: tabs[page].submit(_rerun, value).result() for page in pages}


def _added(pairs: Sequence[tuple[float, float]]) -> str:
    return duration(median(own - base for base, own in pairs))


def _first_page_row(backend: Backend, plan: Plan, tabs: Mapping[Page, Executor]) -> Row:
    """Time the first page of a connection whose browser has a session of fifty inputs, which no tab shows."""
    rounds = plan.rounds(_FIRST_PAGES)
    ours = OURS[0].script(_FIRST_PAGE_FIELDS)
    tabs[OURS[0]].submit(_fill, ours, _FIRST_PAGE_FIELDS).result()
    asked = {
        PLAIN: (PLAIN.script(_FIRST_PAGE_FIELDS), ""),
        OURS[0]: (ours, _value(_FIRST_PAGE_FIELDS - 1)),
    }
    pairs = []
    for number in range(calls_in(rounds)):
        pages = list(tabs) if number % 2 else list(reversed(tabs))
        taken = {page: tabs[page].submit(_first, *asked[page]).result() for page in pages}
        pairs.append((taken[PLAIN], taken[OURS[0]]))
    pairs = pairs[-rounds:]
    most = Target(seconds=median(base for base, _ in pairs) + _FIRST_PAGE)
    return Row(
        measured=f"first page with {_FIRST_PAGE_FIELDS} restored fields, {backend.name}",
        against="the same page, plain",
        pair=summary(pairs),
        target=most,
        note=f"adds {_added(pairs)}",
        point=Point(OURS[0].name, f"first, {_FIRST_PAGE_FIELDS} restored fields", "page", ""),
    )


# -- in the process of a page --------------------------------------------------


@attrs.define
class _Served:
    """
    What a page's process has.

    Attributes:
        manager: Keeps its sessions, if it has any.
        tab: The tab.
        stack: Ends it all.
    """

    manager: SessionManager
    tab: AppTest
    stack: ExitStack


_served: list[_Served] = []


def _open(script: str, storages: Mapping[str, Mapping[str, str]]) -> None:
    """Open a tab, and let it have run once."""
    stack = ExitStack()
    manager = stack.enter_context(_streamlit(storages))
    tab = _tab_of(script)
    _run(tab)
    _served.append(_Served(manager, tab, stack))


def _close() -> None:
    _served.pop().stack.close()


@contextmanager
def _streamlit(storages: Mapping[str, Mapping[str, str]]) -> Iterator[SessionManager]:
    """Have pages of this process keep their sessions in a store, and log nothing."""
    settings = Settings(
        storage=next(iter(storages)),
        storages=storages,
        persistence=PersistenceSettings(),
        security=SecuritySettings(secret_key=token_urlsafe()),
    )
    logging.disable(logging.WARNING)
    # A page runs in a thread of its own, as the code of an app: the process's manager is its.
    default_manager._DEFAULT.manager = None  # noqa: SLF001 - what a new process has
    with SessionManager(settings) as manager:
        yield manager


def _tab_of(script: str) -> AppTest:
    from streamlit.testing.v1 import AppTest  # noqa: PLC0415 - it takes a second, and few rows need it

    return AppTest.from_string(script, default_timeout=_WAIT)


def _run(tab: AppTest) -> None:
    tab.run()
    if tab.exception:
        raise RuntimeError(tab.exception[0].message)


def _rerun(value: str | None) -> float:
    """Rerun the page, with a new value in its first field if there is one; return what that takes."""
    tab = _served[0].tab
    if value is not None:
        tab.text_input[0].set_value(value)
    return _seconds(tab)


def _seconds(tab: AppTest) -> float:
    """Return how long a run of a page keeps the process busy, in whatever thread: others on the machine count for nothing."""
    begin = process_time()
    _run(tab)
    return process_time() - begin


def _value(number: int) -> str:
    return f"value {number}"


def _fill(script: str, fields: int) -> None:
    """Store a session of as many inputs, for a browser that has its cookie from now on; no tab shows it."""
    from streamlit.runtime.context import ContextProxy, StreamlitCookies  # noqa: PLC0415 - as above

    served = _served[0]
    tokens = served.manager.tokens
    cookies = StreamlitCookies({tokens.cookie_name: tokens.issue("first-page")})
    patch = mock.patch.object(ContextProxy, "cookies", property(lambda _: cookies))
    served.stack.enter_context(patch)
    tab = _tab_of(script)
    _run(tab)
    for number in range(fields):
        tab.text_input[number].set_value(_value(number))
    _run(tab)
    served.manager.flush()


def _first(script: str, last: str) -> float:
    """Return what the first page of a connection takes, whose last field shows that."""
    gc.collect()  # the session of the page before: a tab that is gone holds none
    tab = _tab_of(script)
    taken = _seconds(tab)
    if tab.text_input[-1].value != last:
        msg = "the page did not show what was stored"
        raise RuntimeError(msg)
    return taken

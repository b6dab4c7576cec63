# SPDX-License-Identifier: Apache-2.0
"""What a Streamlit page costs its user: the same page plain, with sessionkit and with another library, in turn."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
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
    with _streamlit(backend) as manager, TemporaryDirectory() as folder:
        peer = _peer(Path(folder))
        for number in fields:
            for one in (False, True):
                yield from _rerun_rows(plan, [*OURS, *peer], number, changed=one)
        yield _first_page_row(manager, backend, plan)


def own_page_rows(backend: Backend, plan: Plan) -> Iterator[Row]:
    """Time only our own reruns in which one field changed: what no change of the code may make slower."""
    with _streamlit(backend):
        for number in FIELDS:
            yield from _rerun_rows(plan, OURS, number, changed=True)


@contextmanager
def _streamlit(backend: Backend) -> Iterator[SessionManager]:
    """Have pages of this process keep their sessions in a store, and log nothing."""
    settings = Settings(
        storage=next(iter(backend.storages)),
        storages=backend.storages,
        persistence=PersistenceSettings(),
        security=SecuritySettings(secret_key=token_urlsafe()),
    )
    with ExitStack() as stack:
        # A page runs in a thread of its own, as the code of an app: the process's manager is its.
        stack.enter_context(mock.patch.object(default_manager._DEFAULT, "manager", None))  # noqa: SLF001 - what a new process has
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        stack.callback(logging.disable, before)
        yield stack.enter_context(SessionManager(settings))


def _peer(folder: Path) -> list[Page]:
    """Return the other library's page; none where it is not installed."""
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


def _opened(script: str) -> AppTest:
    from streamlit.testing.v1 import AppTest  # noqa: PLC0415 - it takes a second, and few rows need it

    return AppTest.from_string(script, default_timeout=_WAIT)


def _run(tab: AppTest) -> None:
    tab.run()
    if tab.exception:
        raise RuntimeError(tab.exception[0].message)


def _rerun_rows(plan: Plan, pages: Sequence[Page], fields: int, *, changed: bool) -> Iterator[Row]:
    tabs = {page: _opened(page.script(fields)) for page in (PLAIN, *pages)}
    for tab in tabs.values():
        _run(tab)
    rounds = plan.rounds(_FIELD_RUNS // fields)
    taken = [_round(tabs, number, changed=changed) for number in range(calls_in(rounds))]
    what = "one changed" if changed else "nothing changed"
    for page in pages:
        pairs = [(each[PLAIN], each[page]) for each in taken[-rounds:]]
        yield Row(
            measured=f"{page.name}: rerun of {fields} fields, {what}",
            against="the same page, plain",
            pair=summary(pairs),
            target=_TARGET if page in OURS else Target(),
            note=f"adds {_added(pairs)}",
            point=Point(page.name, f"{fields} fields, {what}", "page", ""),
        )


def _round(tabs: Mapping[Page, AppTest], number: int, *, changed: bool) -> dict[Page, float]:
    """Rerun each page once, in the other order every other time."""
    pages = list(tabs) if number % 2 else list(reversed(tabs))
    taken = {}
    for page in pages:
        if changed:
            tabs[page].text_input[0].set_value(f"value {number}")
        taken[page] = _seconds(tabs[page])
    return taken


def _seconds(tab: AppTest) -> float:
    """Return how long a run of a page keeps the process busy, in whatever thread: others on the machine count for nothing."""
    begin = process_time()
    _run(tab)
    return process_time() - begin


def _added(pairs: Sequence[tuple[float, float]]) -> str:
    return duration(median(own - base for base, own in pairs))


def _first_page_row(manager: SessionManager, backend: Backend, plan: Plan) -> Row:
    """Time the first page of a connection whose browser has a session of fifty inputs, which no tab shows."""
    from streamlit.runtime.context import ContextProxy, StreamlitCookies  # noqa: PLC0415 - as above

    tokens, session_id = manager.tokens, "first-page"
    cookies = StreamlitCookies({tokens.cookie_name: tokens.issue(session_id)})
    rounds = plan.rounds(_FIRST_PAGES)
    with mock.patch.object(ContextProxy, "cookies", property(lambda _: cookies)):
        tab = _opened(OURS[0].script(_FIRST_PAGE_FIELDS))
        _run(tab)
        for number in range(_FIRST_PAGE_FIELDS):
            tab.text_input[number].set_value(f"value {number}")
        _run(tab)
        manager.flush()
        del tab
        taken = [_first_pages(number) for number in range(calls_in(rounds))]
    pairs = taken[-rounds:]
    most = Target(seconds=median(base for base, _ in pairs) + _FIRST_PAGE)
    return Row(
        measured=f"first page with {_FIRST_PAGE_FIELDS} restored fields, {backend.name}",
        against="the same page, plain",
        pair=summary(pairs),
        target=most,
        note=f"adds {_added(pairs)}",
        point=Point(OURS[0].name, f"first, {_FIRST_PAGE_FIELDS} restored fields", "page", ""),
    )


def _first_pages(number: int) -> tuple[float, float]:
    taken = {}
    for page in (PLAIN, OURS[0]) if number % 2 else (OURS[0], PLAIN):
        gc.collect()  # the session of the page before: a tab that is gone holds none
        tab = _opened(page.script(_FIRST_PAGE_FIELDS))
        taken[page] = _seconds(tab)
    if f"value {_FIRST_PAGE_FIELDS - 1}" != tab.text_input[-1].value and page is not PLAIN:
        msg = "the page did not show what was stored"
        raise RuntimeError(msg)
    return taken[PLAIN], taken[OURS[0]]

# SPDX-License-Identifier: Apache-2.0
"""Which page of an app is shown, and the ways to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final, Literal, ParamSpec, overload

import attrs
import streamlit as st

from sessionkit import get_current_session
from sessionkit.errors import SessionKitError
from sessionkit.session import UserSession
from sessionkit_streamlit.connection import (
    SHARE_PARAMETER,
    Connection,
    Trail,
    Visit,
    current_connection,
)
from sessionkit_streamlit.internals.page import in_callback
from sessionkit_streamlit.internals.state import context
from sessionkit_streamlit.notices.markdown import as_word
from sessionkit_streamlit.routes.parameters import AddressError, Texts
from sessionkit_streamlit.routes.route import Function, Route, alone, listed
from sessionkit_streamlit.widgets.kept import connected

P = ParamSpec("P")

Listed = Route | Function | str | Path
"""A page as a list of pages has it: with what is said of it, or alone."""

_CRUMBS: Final = 4


@attrs.frozen(kw_only=True)
class RouterTexts:
    """
    What a router says in a page's place: English, unless you say otherwise.

    The texts are Markdown.

    Attributes:
        denied: To whom may not open the page.
        missing: Where the address lacks a parameter; ``{name}`` and ``{expected}``, in English.
        wrong: Where a parameter is not what the page takes.
    """

    denied: str = "You may not open this page."
    missing: str = "This address is not complete: **{name}** is missing; it has to be {expected}."
    wrong: str = "This address is not right: **{name}** has to be {expected}."


_TEXTS: Final = RouterTexts()


def router(
    pages: Sequence[Listed] | Mapping[str, Sequence[Listed]],
    *,
    position: Literal["sidebar", "hidden", "top"] = "sidebar",
    expanded: bool | int = False,
    denied: Callable[[], object] | None = None,
    texts: RouterTexts = _TEXTS,
) -> Router:
    """
    Draw the app's menu, and find the page that is asked for.

    Call it in every run, as ``st.navigation``, which it stands for, and then ``run()`` on what it returns. It
    calls ``bootstrap_session()``, if the script has not.
    It notes in ``session.navigation_history`` what is opened. Who comes to the bare address
    goes on at the page that they were on last.

    Args:
        pages: The pages, or lists of them by the menu's headings: functions, paths of scripts, and
            :class:`~sessionkit_streamlit.Route` where there is more to say. The first is the default
            page, unless a route says that it is.
        position: As for ``st.navigation``.
        expanded: The same.
        denied: Makes the page for those who may not open the one that they ask for; None for a sentence.
        texts: All words.

    Returns:
        The router, with the page that is asked for.

    Raises:
        TypeError: If a page's function takes what no address can hold.
        ValueError: If two pages have one name.

    Example:
        ::

            def order(number: int):
                st.title(f"Order {number}")


            def orders():
                st.title("Orders")
                current_router().link(order, "The latest", number=7)


            router([orders, Route(order, roles=["staff"])]).run()
    """
    run = context()
    connection = current_connection() if run is None else connected(run)
    session = get_current_session()
    known = _Pages(pages, session)
    page = st.navigation(known.menu(), position=position, expanded=expanded)
    route = known.route_of(page)
    visit = Visit(route.name, _taken(route))
    trail = _arrive(connection, session, known, visit)
    here = Router(session, route, visit, known, trail, denied, texts)
    connection.page.router = here
    return here


def current_router() -> Router:
    """
    Return the router of the run that is under way, for a page in a module of its own.

    Raises:
        SessionKitError: If the script has not called :func:`router`.
    """
    found = current_connection().page.router
    if not isinstance(found, Router):
        msg = "there is no router here: call sessionkit_streamlit.router([...]) first in the script"
        raise SessionKitError(msg)
    return found


class _Pages:
    """All pages of an app, as they are for one session's user."""

    def __init__(
        self, pages: Sequence[Listed] | Mapping[str, Sequence[Listed]], session: UserSession
    ) -> None:
        sections = pages if isinstance(pages, Mapping) else {"": pages}
        self._sections = {
            heading: [_route(one) for one in sections[heading]] for heading in sections
        }
        self._session = session
        self.by_name: dict[str, Route] = {}
        for routes in self._sections.values():
            for route in routes:
                if self.by_name.setdefault(route.name, route) is not route:
                    msg = f"two pages are called {route.name!r}: give one a url_path of its own"
                    raise ValueError(msg)
        self._arguments: Mapping[str, Any] = {}
        self._made = {name: self._make(route) for name, route in self.by_name.items()}

    def _make(self, route: Route) -> Any:  # noqa: ANN401 - Streamlit's, whose class has had two names
        shown = route.visible and not route.needs_parameters() and route.is_open_to(self._session)
        return st.Page(
            self._callable(route.page) if callable(route.page) else route.page,
            title=route.title,
            icon=route.icon,
            url_path=route.url_path,
            default=route.default,
            visibility="visible" if shown else "hidden",
        )

    def _callable(self, function: Function) -> Callable[[], None]:
        """Return what Streamlit calls, which has the function's name and takes nothing."""

        @wraps(function)
        def page() -> None:
            function(**self._arguments)

        return page

    def menu(self) -> dict[str, list[Any]]:
        """Return Streamlit's pages, by heading."""
        return {
            heading: [self._made[route.name] for route in routes]
            for heading, routes in self._sections.items()
        }

    def route_of(self, page: Any) -> Route:  # noqa: ANN401 - Streamlit's
        """Return the route of one of Streamlit's pages."""
        return next(self.by_name[name] for name, made in self._made.items() if made is page)

    def run(self, route: Route, arguments: Mapping[str, Any]) -> None:
        """Run the page that the address names."""
        self._arguments = arguments
        self._made[route.name].run()

    def visit(
        self, page: Function | str | Path, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Visit:
        """
        Return what opens a page, as an app names it.

        Raises:
            TypeError: If the page does not take the arguments.
            ValueError: If the router has no such page.
        """
        routes = self.by_name.values()
        found = self.by_name.get(page) if isinstance(page, str) else None
        route = found or next((route for route in routes if route.page == page), None)
        if route is None:
            msg = f"the router has no page {page!r}; it has {sorted(self.by_name)}"
            raise ValueError(msg)
        return Visit(route.name, route.texts(args, kwargs))

    def is_bare(self, visit: Visit) -> bool:
        """Return whether a page was opened by the address of the app alone."""
        return not self._made[visit.page].url_path and not st.query_params.to_dict()

    def can_open(self, visit: Visit) -> bool:
        """Return whether there is such a page, which the user may open, and its parameters are right."""
        route = self.by_name.get(visit.page)
        if route is None or not route.is_open_to(self._session):
            return False
        try:
            route.arguments(visit.params)
        except AddressError:
            return False
        return True

    def label(self, visit: Visit) -> str:
        """Return what breadcrumbs call a page that can be opened, as Markdown."""
        route = self.by_name[visit.page]
        if route.crumb is None:
            return str(self._made[visit.page].title)
        words = {name: as_word(value) for name, value in route.arguments(visit.params).items()}
        return route.crumb.format(**words)

    def show(self, visit: Visit) -> None:
        """Show a page; a callback's run goes there when its script begins."""
        run = context()
        if run is not None and in_callback(run):
            current_connection().page.asked_for = visit
        else:
            st.switch_page(self._made[visit.page], query_params=visit.params)

    def link(self, visit: Visit, label: str | None) -> None:
        """Draw a link to a page."""
        st.page_link(self._made[visit.page], label=label, query_params=visit.params)


def _route(one: Listed) -> Route:
    return one if isinstance(one, Route) else Route(one)


def _taken(route: Route) -> Texts:
    """Return what the address says to its page: of a function what it takes, of a script all."""
    taken = set(st.query_params) - {SHARE_PARAMETER}
    if route.parameters is not None:
        taken &= route.parameters.by_name.keys()
    return {name: alone(st.query_params.get_all(name)) for name in sorted(taken)}


def _arrive(connection: Connection, session: UserSession, pages: _Pages, visit: Visit) -> Trail:
    """Note what is opened, or go to where the user was or wants to be; return the pages opened before."""
    page = connection.page
    asked, page.asked_for = page.asked_for, None
    if asked is not None and pages.can_open(asked):
        pages.show(asked)
    trail = page.trail
    if trail is None or trail.session_id != session.session_id:
        trail = page.trail = _trail_of(session)
        left = trail.visits[-1] if trail.visits else visit
        if pages.is_bare(visit) and left.page != visit.page and pages.can_open(left):
            pages.show(left)
    if pages.can_open(visit) and trail.arrive(visit, max(1, session.max_history_size)):
        session.add_navigation(visit.page, visit.params)
    return trail


def _trail_of(session: UserSession) -> Trail:
    visits = [
        Visit(one.page, {name: alone(listed(value)) for name, value in one.params.items()})
        for one in list(session.navigation_history)
    ]
    return Trail(session.session_id, visits, len(visits) - 1)


class Router:
    """
    The pages of an app and the one that is shown, for one run.

    Attributes:
        session: The session of who is there.
        route: The page that the address names.
        params: What stands in the address for it, as texts.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self,
        session: UserSession,
        route: Route,
        visit: Visit,
        pages: _Pages,
        trail: Trail,
        denied: Callable[[], object] | None,
        texts: RouterTexts,
    ) -> None:
        """Hold what :func:`router` has found."""
        self.session, self.route, self.params = session, route, visit.params
        self._visit, self._pages, self._trail = visit, pages, trail
        self._denied, self._texts = denied, texts

    @property
    def is_allowed(self) -> bool:
        """Whether the user may open the page."""
        return self.route.is_open_to(self.session)

    def run(self) -> None:
        """Show the page, or why it can't be shown."""
        if not self.is_allowed:
            if self._denied is None:
                st.error(self._texts.denied, icon=":material/lock:")
            else:
                self._denied()
            return
        try:
            arguments = self.route.arguments(self.params)
        except AddressError as error:
            text = self._texts.missing if error.found is None else self._texts.wrong
            st.error(text.format(name=as_word(error.name), expected=error.expected))
            return
        self._pages.run(self.route, arguments)

    @overload
    def go_to(self, page: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None: ...
    @overload
    def go_to(self, page: str | Path, **kwargs: object) -> None: ...
    def go_to(self, page: Function | str | Path, *args: Any, **kwargs: Any) -> None:
        """
        Show another page; what follows in the script is not run, but for a callback's.

        Args:
            page: Its function, its script or its name.
            args: Arguments of the function, in their order.
            kwargs: Further ones; for a script all that is to stand in the address.

        Raises:
            TypeError: If the page does not take them.
            ValueError: If the router has no such page.
        """
        self._pages.show(self._pages.visit(page, args, kwargs))

    @overload
    def link(
        self, page: Callable[P, object], label: str | None, /, *args: P.args, **kwargs: P.kwargs
    ) -> None: ...
    @overload
    def link(self, page: str | Path, label: str | None = None, /, **kwargs: object) -> None: ...
    def link(
        self,
        page: Function | str | Path,
        label: str | None = None,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """
        Draw a link to another page, as ``st.page_link`` does; nothing where the user may not open it.

        Args:
            page: Its function, its script or its name.
            label: What the link says; None for the page's title.
            args: Arguments of the function, in their order.
            kwargs: Further ones; for a script all that is to stand in the address.

        Raises:
            TypeError: If the page does not take them.
            ValueError: If the router has no such page.
        """
        visit = self._pages.visit(page, args, kwargs)
        if self._pages.can_open(visit):
            self._pages.link(visit, label)

    @property
    def can_go_back(self) -> bool:
        """Whether there is a page before this one, in this tab or, where it was just opened, in the session."""
        return self._beside(-1) is not None

    @property
    def can_go_forward(self) -> bool:
        """Whether :meth:`back` has left a page that one can return to."""
        return self._beside(1) is not None

    def back(self) -> None:
        """Show the page before this one; nothing happens where there is none. Callbacks may call it."""
        self._move(-1)

    def forward(self) -> None:
        """Show the page that :meth:`back` left; nothing happens where there is none. Callbacks may call it."""
        self._move(1)

    def _move(self, step: int) -> None:
        wanted = self._beside(step)
        if wanted is not None:
            self._trail.wanted = wanted
            self._pages.show(self._trail.visits[wanted])

    def _beside(self, step: int) -> int | None:
        """Return which visit is next, passing over what can't be opened any more."""
        at = self._trail.position + step
        while 0 <= at < len(self._trail.visits):
            if self._pages.can_open(self._trail.visits[at]):
                return at
            at += step
        return None

    def breadcrumbs(self, limit: int = _CRUMBS) -> None:
        """
        Draw links to the pages that led here, and the name of this one; nothing where no other page did.

        Args:
            limit: How many pages at most, this one among them.

        Raises:
            ValueError: If *limit* is below 1.
        """
        if limit < 1:
            msg = f"breadcrumbs show at least one page; limit is {limit}"
            raise ValueError(msg)
        led = self._led_here()[: limit - 1]
        if not led or not self._pages.can_open(self._visit):
            return
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            for visit in reversed(led):
                self._pages.link(visit, self._pages.label(visit))
                st.markdown("/", width="content")
            st.markdown(f"**{self._pages.label(self._visit)}**", width="content")

    def _led_here(self) -> list[Visit]:
        """Return the other pages opened before that can be opened, each once, as it was last, the latest first."""
        led: dict[str, Visit] = {}
        for visit in reversed(self._trail.visits[: self._trail.position]):
            if visit.page != self._visit.page and self._pages.can_open(visit):
                led.setdefault(visit.page, visit)
        return list(led.values())

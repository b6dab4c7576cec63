# SPDX-License-Identifier: Apache-2.0
"""The host for code that Streamlit runs."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from streamlit import runtime

from sessionkit.errors import InvalidTokenError
from sessionkit_streamlit.browser.cookie_options import CookieOptions
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.browser.handshake import mount, reported_page, reported_token
from sessionkit_streamlit.browser.unchanged import keep_pages
from sessionkit_streamlit.browser.user_agent import browser_of
from sessionkit_streamlit.connection import (
    CONNECTION_KEY,
    EXTENSION,
    Connection,
    ConnectionState,
    Identity,
    current_connection,
)
from sessionkit_streamlit.internals.caches import know_cached_functions
from sessionkit_streamlit.internals.client import opened_by, user_info
from sessionkit_streamlit.internals.element_ids import put_era
from sessionkit_streamlit.internals.garbage import long_lived
from sessionkit_streamlit.internals.messages import Password, part_of
from sessionkit_streamlit.internals.observe import gives_ids, install
from sessionkit_streamlit.internals.page import is_placed
from sessionkit_streamlit.internals.state import context, peek
from sessionkit_streamlit.internals.widgets import to_keep
from sessionkit_streamlit.notices.author_notice import warn_of_late_bootstrap, warn_of_no_widget
from sessionkit_streamlit.notices.save_status import look_after_lines, only_lines_ran
from sessionkit_streamlit.tabs.early_clicks import serve_early, set_early_aside
from sessionkit_streamlit.tabs.lifecycle import flush_on_release
from sessionkit_streamlit.tabs.runs import runs
from sessionkit_streamlit.tabs.tabs import open_tabs
from sessionkit_streamlit.widgets.capture import capture_request, capture_run, note_form
from sessionkit_streamlit.widgets.edits import (
    is_only_shown,
    is_unchanged,
    mark_shown,
    note_default,
    overwrites_unseen,
    shows_another_session,
)
from sessionkit_streamlit.widgets.named_keys import leave_out, name_keys
from sessionkit_streamlit.widgets.rest import is_at_rest
from sessionkit_streamlit.widgets.restore import (
    check_settable,
    check_slider,
    check_value,
    go_on,
    is_new_life,
    note_password,
    restore_inputs,
)

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

    from sessionkit.host import Keeper
    from sessionkit.session import BrowserInfo, UserSession
    from sessionkit.tokens import TokenContent, Tokens

_COOKIE: Final = CookieOptions()
_RENEWALS: Final = 4
"""How often a page that stays open has its cookie renewed in the time that the cookie lasts."""

_TRADED: Final = 8
"""How many ids of one connection a ticket names, besides the first: the browser may still be behind."""


class StreamlitHost:
    """
    Says who the browser and the user are, and keeps widgets and session in step.

    Attributes:
        trusted: False: whoever names a session id must also hold its token.
        notes: The name of what is noted about widgets in ``UserSession.extensions``.
    """

    trusted = False
    notes = EXTENSION

    def __init__(  # noqa: PLR0913 - keywords, as the settings have them
        self,
        tokens: Tokens,
        *,
        resync: bool = True,
        handshake: bool = True,
        cookie: CookieOptions = _COOKIE,
        persist: tuple[str, ...] = (),
        never: tuple[str, ...] = (),
        live: bool | str = False,
    ) -> None:
        """
        Begin to observe Streamlit.

        Args:
            tokens: The app's own.
            resync: Whether a tab that was left open through a restart rebuilds by itself.
            handshake: Whether a browser without the middleware's cookie keeps its id by script.
            cookie: How the cookie is set.
            persist: Keys that are kept of all pages, or patterns of keys.
            never: Names of what is never stored of any page, or patterns of them.
            live: Whether what is typed into kept fields is sent after each pause, or the pause.
        """
        self._tokens = tokens
        self._resync = resync
        self._handshake = handshake
        self._options = cookie
        self._persist = persist
        self._never = never
        self._live = live
        keep_pages(persist)
        know_cached_functions()
        # The middleware may have begun with other settings.
        gate.tokens, gate.options = tokens, cookie

    def active(self) -> bool:
        """Return whether Streamlit runs the calling code."""
        return context() is not None

    def serves(self) -> bool:
        """Return whether a Streamlit server runs in this process."""
        return runtime.exists()

    def state(self) -> MutableMapping[str, Any]:
        """Return the connection's state: ``st.session_state`` with hidden entries."""
        return ConnectionState()

    def token(self) -> str | None:
        """Return what the browser presented or was given since, unverified."""
        identity = current_connection().identity
        for ask in (reported_token, lambda: identity.granted, self._cookie):
            token = ask()
            if token is not None and token not in identity.replaced:
                return token
        return None

    def set_token(self, token: str | None) -> None:
        """
        Give the browser a new id: by a ticket that it trades for a cookie, or by script.

        Args:
            token: What the manager issued; None takes the present one away.
        """
        connection = current_connection()
        identity = connection.identity
        # The readable one, too: the browser may hold it, and has had no need to report it.
        had = {reported_token(), self._cookie(), identity.granted, identity.readable}
        identity.granted, identity.ticket, identity.readable = token, None, None
        new = None if token is None else self._tokens.inspect(token)
        if (
            connection.session is None
            or new is None
            or connection.session.session_id != new.session_id
        ):
            connection.session = None  # it ended: nothing more is captured for it
        if new is not None:
            self._hand_over(identity, new)
        identity.replaced |= {one for one in had if one is not None}
        identity.replaced -= {token, identity.readable}

    def _hand_over(self, identity: Identity, new: TokenContent) -> None:
        cookie = self._cookie()
        first = None if cookie is None else self._content_of(cookie)
        if first is not None and gate.middleware:
            # The connection knows the cookie that it began with; the browser may have traded it since.
            identity.ticket = self._tokens.issue_ticket([first, *identity.traded], new)
            identity.traded = [*identity.traded, new][-_TRADED:]
        elif self._handshake:
            identity.readable = self._tokens.issue(new.session_id, new.device_id, readable=True)

    def follow(self, former: UserSession, session: UserSession) -> None:
        """Go on with a session that has moved to a fresh id: what its widgets show stays."""
        connection = current_connection()
        if connection.widgets.shown_for is former:
            connection.widgets.shown_for = session
        arrival = connection.page.arrival
        if arrival is not None and arrival.session is former:
            arrival.session, arrival.session_id = session, session.session_id
        if connection.session is former:
            connection.session, connection.session_id = session, session.session_id
            run = context()
            if run is not None and connection.keeper is not None:
                runs.use(run, connection.keeper, session)

    def is_loading(self) -> bool:
        """Return whether the connection's first run is still under way."""
        return current_connection().is_loading

    def browser(self) -> BrowserInfo:
        """Return the names of the connection's browser and its system, as it says itself."""
        # AppTest has a stand-in there.
        said = st.context.headers.get("User-Agent")
        return browser_of(said if isinstance(said, str) else None)

    def is_asking(self) -> bool:
        """Return whether the browser may hold a token that its script has yet to report: in the first run, without a cookie."""
        return self._handshake and self.is_loading() and not self._is_known()

    def user(self) -> str | None:
        """Return who is logged in by ``st.login``, as ``issuer|subject``, or None."""
        known = user_info(context())
        issuer, subject = known.get("iss"), known.get("sub")
        if not known.get("is_logged_in") or not issuer or not subject:
            return None
        return f"{issuer}|{subject}"

    def connected(self, session: UserSession, keeper: Keeper) -> None:
        """
        Bring widgets and session together; called at the end of every bootstrap.

        Args:
            session: The session that this connection shows.
            keeper: The manager.
        """
        run = context()
        if run is None:
            return
        connection = current_connection()
        page, widgets = connection.page, connection.widgets
        if page.sees_ends is None:
            page.sees_ends = install(observer)
        reported = reported_page(run) if self._resync else None
        if self._leaves(connection, session, keeper, reported):
            st.stop()  # nothing of the page that is left counts
        if not page.sees_ends and connection.session is session:
            run_finished(run)
        set_early_aside(page, run)
        connection.keeper = gate.keeper = keeper
        if page.run is not None:
            long_lived.set_apart()
        else:
            connection.live = self._live
            leave_out(connection, self._never)
            name_keys(connection, run, self._persist)
        if page.sees_ends:
            runs.use(run, keeper, session)
        page.tab = open_tabs.began(page.tab, run, session.session_id)
        late: frozenset[str] = frozenset()
        with widgets.lock:
            rests = reported is None and is_at_rest(connection, session, run)
            if rests:
                go_on(connection, run)
            else:
                late = self._bring_together(connection, session, keeper, run)
        flush_on_release(connection, keeper)
        self._answer(connection.identity, session.session_id)
        if not rests or connection.identity.renew_at <= monotonic():
            self._note_lifetime(connection.identity, session, keeper)
            self._renew(connection.identity, session.session_id)
        mount(
            connection,
            self._tokens.cookie_name,
            cookie=self._options,
            resync=self._resync,
            page=widgets.marks.page if self._resync else None,
            asked=reported is not None,
        )
        if late:
            warn_of_late_bootstrap(late)

    def _bring_together(
        self, connection: Connection, session: UserSession, keeper: Keeper, run: ScriptRunContext
    ) -> frozenset[str]:
        """Put back and capture what is new, and mark what the page shows; return the keys of widgets that came too early."""
        late = restore_inputs(connection, session, run)
        if capture_request(connection, session, run):
            keeper.schedule_save(session)
        if self._resync:
            mark_shown(connection, run)
        return late

    def _leaves(
        self,
        connection: Connection,
        session: UserSession,
        keeper: Keeper,
        page: Mapping[str, Any] | None,
    ) -> bool:
        """Have a page loaded anew that shows another session; return whether it will be."""
        shown_for = connection.widgets.shown_for
        if shown_for not in (None, session) and not is_new_life(shown_for, session):
            connection.page.strayed |= not gives_ids()
        if page is not None and (session.version or self._is_known()):
            connection.page.strayed |= shows_another_session(page, session)
        if not connection.page.strayed:
            return False
        self._note_lifetime(connection.identity, session, keeper)
        return mount(
            connection,
            self._tokens.cookie_name,
            cookie=self._options,
            resync=True,
            leave=True,
        )

    def _is_known(self) -> bool:
        """Return whether the browser said who it is; until then a session that has just begun stands in."""
        return reported_token() is not None or self._cookie() is not None

    def is_news(self, session: UserSession, key: str, value: Any) -> bool:  # noqa: ANN401 - any value
        """
        Return whether a value is this connection's doing, not just what its widget went on showing.

        Args:
            session: The connection's.
            key: The widget's key, or any other name.
            value: What the app wants to keep.
        """
        run = context()
        if run is None:
            return True
        connection = current_connection()
        placed = is_placed(run, key)
        if placed and not connection.shows_its_session:
            return False  # its widget was made for the session before
        widgets = connection.widgets
        if key not in session.inputs:
            note_default(widgets, session, run, key, value)
        if not placed or key not in session.inputs:
            if overwrites_unseen(widgets, run, key, value):
                warn_of_no_widget(key)
            return True
        return not is_unchanged(widgets, run, key, value)

    def to_keep(self, value: Any) -> Any:  # noqa: ANN401 - any value
        """
        Return what a session keeps of a value: a selection as plain dicts and lists.

        Args:
            value: What a widget gave, or the app made.
        """
        return to_keep(value)

    def is_only_shown(self, session: UserSession, key: str) -> bool:
        """
        Return whether an input is as its widget began.

        Args:
            session: The session, live or as it is stored.
            key: The input's key.
        """
        return is_only_shown(session, key)

    def changed(self, session_id: str) -> None:
        """
        Have the tabs that show a session rerun, each as soon as it is idle.

        Args:
            session_id: The session; someone outside this process has changed it.
        """
        open_tabs.changed(session_id)

    def _answer(self, identity: Identity, session_id: str) -> None:
        """Settle what the browser reported, or it would report it again after each run."""
        if identity.readable is None:
            return
        reported = reported_token()
        if reported is None or reported in identity.replaced:
            return
        told = self._content_of(reported)
        if told is not None and told.session_id == session_id:
            # It stands also in a run that Streamlit forgets the report for: st.switch_page empties the page's state.
            identity.granted = identity.readable = reported
        else:
            identity.replaced.add(reported)

    def _note_lifetime(self, identity: Identity, session: UserSession, keeper: Keeper) -> None:
        identity.max_age = self._options.seconds(keeper.time_left(session))

    def _renew(self, identity: Identity, session_id: str) -> None:
        """
        Have the browser keep its id for as long as the session may still go on.

        That is known here and not where a page is asked for: by the same ways as a new
        id, when a page was loaded, and again while it stays open.
        """
        now = monotonic()
        if now < identity.renew_at:
            return
        identity.renew_at = now + identity.max_age / _RENEWALS
        identity.renewals += 1
        token, cookie = self.token(), self._cookie()
        held = None if token is None else self._content_of(token)
        if held is None or held.session_id != session_id:
            return  # it is to get another one
        first = None if cookie is None else self._content_of(cookie)
        if gate.middleware and first is not None:
            identity.ticket = self._tokens.issue_ticket([first, *identity.traded], held)
        elif self._handshake and held.readable and identity.readable is None:
            identity.readable = token

    def _cookie(self) -> str | None:
        """Return the cookie that the connection was opened with, which is read once for each request that opened it."""
        identity, run = current_connection().identity, context()
        request = None if run is None else opened_by(run)
        if request is None or request is not identity.opened_by:
            cookie = st.context.cookies.get(self._options.name(self._tokens.cookie_name))
            # AppTest has a stand-in there.
            identity.cookie = cookie if isinstance(cookie, str) else None
            identity.opened_by = request
        return identity.cookie

    def _content_of(self, token: str) -> TokenContent | None:
        try:
            return self._tokens.inspect(token)
        except InvalidTokenError:
            return None


def run_finished(run: ScriptRunContext) -> None:
    """
    Take what a run leaves behind, whichever way it ended.

    Args:
        run: The run's context; the script's, or a fragment's.
    """
    connection = peek(run, CONNECTION_KEY)
    if not isinstance(connection, Connection):
        return
    connection.is_loading = False
    connection.page.has_ended |= connection.page.serves(run)
    open_tabs.ended(connection.page.tab, run)
    serve_early(connection.page, run)
    session, keeper = connection.live_session, connection.keeper
    if session is None or keeper is None:
        return
    if not only_lines_ran(connection.page, run):  # else each look would be followed by a save
        capture_run(connection, session, run)
        keeper.schedule_save(session)
    look_after_lines(connection, run)


def element_id_of_era(element_id: str) -> str:
    """Return an element's id with the era of the connection's widgets in it."""
    run = context()
    connection = None if run is None else peek(run, CONNECTION_KEY)
    if not isinstance(connection, Connection) or not connection.widgets.era:
        return element_id
    return put_era(element_id, connection.widgets.era)


def note_message(run: ScriptRunContext, message: Any) -> None:  # noqa: ANN401 - Streamlit's
    """
    Look at what a run sends to its page.

    Args:
        run: The run's context.
        message: What it sends.
    """
    runs.sends(run)
    part = part_of(message)
    if part is None:
        return
    connection = peek(run, CONNECTION_KEY)
    if not isinstance(connection, Connection):
        return
    if isinstance(part, Password):
        note_password(connection, part)
        part = part.field
    if part is not None:
        note_form(connection, run, part)


class _Observer:
    """Passes on what Streamlit does."""

    @staticmethod
    def run_finished(run: ScriptRunContext) -> None:
        try:
            run_finished(run)
        finally:
            runs.ended(run)  # what it changed last is scheduled by now

    before_register = staticmethod(check_value)
    before_rules = staticmethod(check_settable)
    before_slider = staticmethod(check_slider)
    after_id = staticmethod(element_id_of_era)
    before_send = staticmethod(note_message)


observer = _Observer()

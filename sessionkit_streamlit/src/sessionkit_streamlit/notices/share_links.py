# SPDX-License-Identifier: Apache-2.0
"""Links that open a copy of what somebody has on their page: made there, and opened here."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import attrs
import streamlit as st

from sessionkit import get_manager
from sessionkit.errors import (
    InvalidTokenError,
    SerializationError,
    ShareGoneError,
    ShareRefusedError,
    StorageError,
)
from sessionkit_streamlit.browser.handshake import reported_token
from sessionkit_streamlit.connection import SHARE_PARAMETER, Arrival, Connection
from sessionkit_streamlit.internals.observe import gives_ids
from sessionkit_streamlit.internals.page import leave_out_of_address
from sessionkit_streamlit.internals.state import PREFIX, context
from sessionkit_streamlit.notices.save_status import viewer_zone
from sessionkit_streamlit.widgets.kept import connected

_LOGGER: Final = logging.getLogger(__name__)

_WEEK: Final = timedelta(days=7)
_SETTLED: Final = frozenset({"opened", "declined", "expired", "unknown"})
"""What becomes of a link that is tried no more."""


@attrs.frozen(kw_only=True)
class ShareTexts:
    """
    What share links say: English, unless you say otherwise.

    The texts are Markdown. What stands in braces is filled in.

    Attributes:
        make: On the button that makes a link.
        made: Below the link; ``{until}``.
        listed: For each link that can be opened; ``{at}`` and ``{until}``.
        revoke: On the button that has a link open nothing any more.
        refused: When there are too many links, or there is too much to share.
        failed: When the store can't be reached.
        asked: Whether the copy is to take the place of what is there.
        open: On the button that opens it then.
        decline: On the one that leaves what is there.
        opened: When it was opened where nothing was.
        expired: When the link's time is over.
        unknown: When there is nothing that it opens.
        unavailable: When it can't be opened for now.
        again: On the button that tries it again.
        aside: When something was set aside; ``{at}``.
        back: On the button that puts it back.
        stay: On the one that lets go of it.
        close: On the button that closes a notice.
        time: The format of a time, as for ``strftime``.
    """

    make: str = "Make a link"
    made: str = "Whoever has the link gets a copy of what is here now, until {until}."
    listed: str = "Made {at}, open until {until}"
    revoke: str = "Revoke"
    refused: str = "There is too much to share, or there are too many links: revoke one."
    failed: str = "That can't be done now. Try it again in a moment."
    asked: str = "Somebody shared a copy of their page with you. If you open it, what you have here is set aside."
    open: str = "Open the copy"
    decline: str = "Not now"
    opened: str = "This is a copy of what somebody shared with you. What you change is yours alone."
    expired: str = "The link that you followed has expired."
    unknown: str = (
        "The link that you followed opens nothing: it was revoked, has expired, or is not whole."
    )
    unavailable: str = "The copy that was shared with you can't be opened now."
    again: str = "Try again"
    aside: str = "What you had here before {at} is set aside."
    back: str = "Go back to it"
    stay: str = "Keep what is here"
    close: str = "Close"
    time: str = "%Y-%m-%d %H:%M"


_ENGLISH: Final = ShareTexts()


def share_link(*, expires: timedelta = _WEEK, leave_out: Iterable[str] = ()) -> str:
    """
    Return the address of a copy of what the connection's session holds now, for somebody else.

    It is this page's, with what its address says and one parameter more. Each call makes another copy:
    call it where a button was pressed. Whoever opens it, by :func:`open_share_link`, has a session of
    their own, in which inputs, what stands in forms, and typed state are as they were here. What is never stored is
    not in it, nor is who made it, what they may do, or where they have been.

    Args:
        expires: For how long it can be opened, at most 366 days.
        leave_out: Names of what is not in it, or patterns of names, as for ``persist(never=...)``; parameters of the
            address, too.

    Raises:
        TypeError: If *expires* is no ``timedelta``, or *leave_out* no list of texts.
        ValueError: If *expires* is not above zero, or too long.
        ShareRefusedError: If there is more than a megabyte to share, or the session has 20 links that are open.
        UnavailableError: If the store can't be reached.

    Example:
        ::

            if st.button("Share"):
                st.code(share_link(expires=timedelta(days=1)), language=None)
    """
    return _make(tuple(leave_out) if not isinstance(leave_out, str) else leave_out, expires)[0]


def _make(leave_out: Iterable[str], expires: timedelta) -> tuple[str, str]:
    """Return a link, and the copy that it opens."""
    manager = get_manager()
    copy = manager.share(expires=expires, leave_out=leave_out)
    private = manager.current().never_stored.extended(leave_out)
    said = [
        (name, value)
        for name in st.query_params
        if name != SHARE_PARAMETER and not private.covers(name)
        for value in st.query_params.get_all(name)
    ]
    query = urlencode([*said, (SHARE_PARAMETER, copy.token)])
    return f"{st.context.url or ''}?{query}", copy.copy_id


def share_button(
    label: str = "Share",
    *,
    expires: timedelta = _WEEK,
    leave_out: Iterable[str] = (),
    texts: ShareTexts = _ENGLISH,
) -> None:
    """
    Draw a button below which a link can be made, copied and revoked, as :func:`share_link` makes them.

    Call it once a page, after ``bootstrap_session()``, but not inside ``st.form``.

    Args:
        label: What stands on it.
        expires: For how long a link can be opened.
        leave_out: Names of what is not shared, or patterns of names.
        texts: What it says, for other languages.
    """
    run = context()
    if run is None:
        return
    page = connected(run).page
    with st.popover(label, icon=":material/share:"):
        failure = None
        if st.button(texts.make, key=f"{PREFIX}_share_make"):
            try:
                page.link = _make(leave_out, expires)
            except ShareRefusedError:
                _LOGGER.warning("no share link was made", exc_info=True)
                failure = texts.refused
            except StorageError:
                _LOGGER.warning("no share link was made", exc_info=True)
                failure = texts.failed
        copies = {copy.copy_id: copy for copy in get_manager().shared_copies()}
        if failure is not None:
            st.warning(failure)
        if page.link is not None and page.link[1] in copies:
            st.code(page.link[0], language=None, wrap_lines=True)
            st.caption(texts.made.format(until=_time(texts, copies[page.link[1]].expires_at)))
        for copy_id, copy in copies.items():
            at, until = (_time(texts, one) for one in (copy.created_at, copy.expires_at))
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(texts.listed.format(at=at, until=until))
                if st.button(texts.revoke, key=f"{PREFIX}_share_{copy_id}"):
                    _revoke(copy_id, texts)


def _revoke(copy_id: str, texts: ShareTexts) -> None:
    try:
        get_manager().revoke_copy(copy_id)
    except StorageError:
        _LOGGER.warning("a share link could not be revoked", exc_info=True)
        st.warning(texts.failed)
        return
    st.rerun()


def open_share_link(*, texts: ShareTexts = _ENGLISH) -> None:
    """
    Open the copy that the page's address names, if it does, and say so on the page.

    Call it on every page that links may lead to, right after ``bootstrap_session()`` and before
    anything else is drawn, a router, too. Where the visitor has done nothing yet the copy is opened at once; else the page asks first,
    and what is there is set aside, for 30 days: the notice has a button that puts it back. A link that opens nothing
    any more is told in words. The token leaves the address bar, and the browser's history of the tab.

    Args:
        texts: What it says, for other languages.

    Example:
        ::

            bootstrap_session()
            open_share_link()
    """
    run = context()
    if run is None:
        return
    connection = connected(run)
    token, arrival = st.query_params.get(SHARE_PARAMETER), connection.page.arrival
    if token and (arrival is None or arrival.token != token):
        arrival = connection.page.arrival = Arrival(token)
    if arrival is not None:
        _follow(connection, arrival, texts)
    if connection.session is not None and (moments := get_manager().set_aside()):
        _offer_way_back(connection, texts, _time(texts, moments[0]))


def _follow(connection: Connection, arrival: Arrival, texts: ShareTexts) -> None:
    """Open what a link leads to, or say what became of it."""
    if arrival.outcome is None or _was_for_another(connection, arrival):
        _try(connection, arrival, replace=False)
    if arrival.outcome == "asked":
        pressed = _notice("share", texts.asked, texts.open, texts.decline)
        if pressed == texts.open:
            _try(connection, arrival, replace=True)
        elif pressed == texts.decline:
            _settle(connection, arrival, "declined")
    if arrival.outcome == "failed":
        if _notice("cloud_off", texts.unavailable, texts.again):
            arrival.outcome = None
            st.rerun()
    elif _is_opened_here(connection, arrival) and not get_manager().set_aside():
        _say(connection, "share", texts.opened, texts)
    elif arrival.outcome in {"expired", "unknown"}:
        _say(connection, "link_off", getattr(texts, arrival.outcome), texts)


def _is_opened_here(connection: Connection, arrival: Arrival) -> bool:
    """Return whether the session that the tab has now is the one that a copy was put into."""
    is_here = connection.session is arrival.session
    return arrival.outcome == "opened" and arrival.has_changed and is_here


def _was_for_another(connection: Connection, arrival: Arrival) -> bool:
    """
    Return whether a link was tried before the browser, which keeps its id by script, said which session it has.

    After a login or a logout the tab has another session as well: to that one the link says nothing.
    """
    session, keeper = connection.session, connection.keeper
    if session is arrival.session or session is None or keeper is None:
        return False
    if arrival.outcome not in {"asked", "opened"} or arrival.session_id == session.session_id:
        return False
    try:
        reported = keeper.tokens.read(reported_token())
    except InvalidTokenError:
        return False
    return reported == session.session_id


def _try(connection: Connection, arrival: Arrival, *, replace: bool) -> None:
    session = connection.session
    arrival.session, arrival.session_id = session, connection.session_id
    before = None if session is None else session.interaction_count
    try:
        opened = get_manager().open_copy(arrival.token, replace=replace)
    except ShareGoneError as error:
        _settle(connection, arrival, "expired" if error.expired else "unknown")
    except (StorageError, SerializationError):
        _LOGGER.warning("a share link could not be opened", exc_info=True)
        arrival.outcome = "failed"
    else:
        if not opened:
            arrival.outcome = "asked"
            return
        if session is not None and session.interaction_count != before:
            arrival.has_changed = True
            _begin_anew(connection)
        _settle(connection, arrival, "opened")


def _settle(connection: Connection, arrival: Arrival, outcome: str) -> None:
    """Note what became of a link, and have it taken out of the page's address."""
    arrival.outcome = outcome
    connection.page.spent |= {SHARE_PARAMETER}
    if connection.page.component is None and SHARE_PARAMETER in st.query_params:
        del st.query_params[SHARE_PARAMETER]
    run = context()
    if run is not None:
        leave_out_of_address(run, SHARE_PARAMETER)
    st.rerun()


def _begin_anew(connection: Connection) -> None:
    """Have all widgets of the page begin anew in the next run, from what the session holds now."""
    connection.widgets.shown_for = None
    connection.page.strayed |= not gives_ids()


def _offer_way_back(connection: Connection, texts: ShareTexts, at: str) -> None:
    pressed = _notice("history", texts.aside.format(at=at), texts.back, texts.stay)
    if pressed is None:
        return
    manager = get_manager()
    try:
        if pressed == texts.stay:
            manager.forget_aside()
            if connection.page.arrival is not None:
                connection.page.arrival.outcome = "declined"
        elif manager.go_back():
            _begin_anew(connection)
    except ShareGoneError:
        _LOGGER.info("what was set aside was there for too long")
    except (StorageError, SerializationError):
        _LOGGER.warning("what was set aside could not be put back", exc_info=True)
        st.warning(texts.failed)
        return
    st.rerun()


def _say(connection: Connection, icon: str, text: str, texts: ShareTexts) -> None:
    if _notice(icon, text, texts.close):
        if connection.page.arrival is not None:
            connection.page.arrival.outcome = "declined"
        st.rerun()


def _notice(icon: str, text: str, *buttons: str) -> str | None:
    """Draw a notice; return the button that was pressed."""
    pressed = None
    with st.container(border=True, gap="small"):
        st.markdown(f":material/{icon}: {text}")
        with st.container(horizontal=True):
            for place, label in enumerate(buttons):
                key = f"{PREFIX}_share_{icon}_{place}"
                if st.button(label, key=key, type="tertiary" if place else "secondary"):
                    pressed = label
    return pressed


def _time(texts: ShareTexts, moment: datetime) -> str:
    zone = viewer_zone()
    text = moment.astimezone(zone).strftime(texts.time)
    return f"{text} UTC" if zone is UTC else text

# SPDX-License-Identifier: Apache-2.0
"""The module-level functions that apps call: each asks the default manager."""

from __future__ import annotations

from collections.abc import Iterable
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from sessionkit.manager.default_manager import get_manager

if TYPE_CHECKING:
    from sessionkit.manager.lifecycle import SessionSummary
    from sessionkit.session.session import UserSession


def bootstrap_session(
    session_id: str | None = None,
    user_id: str | EllipsisType | None = ...,
    restore_from_db: bool = True,  # noqa: FBT001, FBT002 - the signature that users know
) -> UserSession:
    """
    Return the session of this browser, or of this script: restored, or new.

    Call it first in a script. Reruns, tabs and fragments of one browser get the
    same object, until a login gives the session a fresh id and another object:
    go on with what is returned.

    Args:
        session_id: The session to restore. In a web app it is given only to the
            browser that holds its signed cookie, or to the user who owns it;
            anyone else gets a session of their own.
        user_id: The user that the app vouches for; None for nobody: where the page has named
            a user before, that logs them out, as :func:`log_out` does. Left out, it says
            nothing: the browser goes on as whom it is.
        restore_from_db: False to begin anew.

    Raises:
        TypeError: If *user_id* is neither a text nor None.
        ValueError: If *user_id* is empty: all who are not logged in would be one user.
        SessionKitError: If the settings are wrong or the store can't be used. A
            store that is down for now raises nothing: the session starts empty,
            and what is stored joins it later.
    """
    return get_manager().bootstrap(session_id, user_id, restore_from_db=restore_from_db)


def get_current_session() -> UserSession:
    """Return the session that :func:`bootstrap_session` gave this connection; it is called when it was not."""
    return get_manager().current()


def persist_input(key: str, val: Any) -> None:  # noqa: ANN401 - any value a widget may return
    """
    Keep a value: at once in the session and the session state, soon in the store.

    Args:
        key: A widget's key, or any other name.
        val: The value, as the widget returned it.
    """
    get_manager().persist_input(key, val)


def save_session(session: UserSession, immediate: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature that users know
    """
    Save a session, soon or at once.

    Args:
        session: The session.
        immediate: True to save now, and to raise what went wrong (see
            :meth:`sessionkit.manager.manager.SessionManager.save`).
    """
    from sessionkit.manager.manager import manager_of  # noqa: PLC0415 - naming the functions imports no manager

    manager = manager_of(session) or get_manager()
    manager.save(session, immediate=immediate)


def recover_session(session_id: str) -> UserSession | None:
    """
    Return a stored session, or None when there is none to be had.

    In a web app only the browser that holds it or the user who owns it get it.
    """
    return get_manager().recover(session_id)


def log_in(user_id: str) -> UserSession:
    """
    Log a user in at this browser, and return their session.

    That is the browser's own, which becomes the user's, or, if nothing was done in it, the one
    that the user left behind. Later calls of :func:`bootstrap_session` need not name
    the user: this browser goes on as them, after a reload and a restart, too, until
    :func:`log_out`. Who was logged in before is logged out. In Streamlit call ``st.rerun()``
    after it, or call it in a callback.

    Args:
        user_id: The user. Pass only whom you have authenticated: it is believed.

    Raises:
        TypeError: If *user_id* is no text.
        ValueError: If *user_id* is empty: all who are not logged in would be one user.
        SessionKitError: If ``st.login`` has logged somebody in, or as :func:`bootstrap_session`.
    """
    return get_manager().log_in(user_id)


def log_out() -> None:
    """
    Log this browser's user out: their session stays stored, and waits for their next login.

    What the browser holds opens nothing any more, in no tab; the next bootstrap begins a fresh
    session, and nothing that the page shows goes along. Other devices stay. Where nobody is logged in nothing
    happens. :func:`end_session` throws a session away instead. In Streamlit call ``st.rerun()``
    after it, or call it in a callback. While the store is down that holds in this process at
    once, and for all others when the store answers.

    Raises:
        SessionKitError: If it was ``st.login`` that logged the user in: ``st.logout()`` is right then.
    """
    get_manager().log_out()


def end_session() -> None:
    """
    End this connection's session for good, as at logout; the next bootstrap begins a fresh one.

    The session's object is empty from then on, whoever has it, and ``ended``: take what a
    farewell needs out of it before. In a web host ``persist_input`` keeps nothing until the
    next bootstrap, and the widgets that showed the session begin anew.

    Raises:
        UnavailableError: If the store can't be reached; call it again.
    """
    get_manager().end_session()


def rotate_session() -> UserSession:
    """
    Give this connection's session a fresh id, as after a change of rights; the old one is ended.

    All its state moves to another object: go on with ``session = rotate_session()``. The object
    that it had is empty and ended, whoever still holds it. The browser gets its new token;
    whoever has no more than the old one begins anew.

    Returns:
        The session to go on with.

    Raises:
        UnavailableError: If the store can't be reached; nothing changed.
        SessionGoneError: If the session was ended meanwhile.
    """
    return get_manager().rotate_session()


def list_sessions(user_id: str | None) -> tuple[SessionSummary, ...]:
    """
    Return a user's sessions, latest activity first, each device apart: what a page called "your devices" shows.

    Args:
        user_id: The user. Pass only whom you have authenticated, or let an administrator ask.
            None, as an anonymous session has it, has no sessions: the answer is empty.

    Raises:
        TypeError: If *user_id* is neither a text nor None.
        UnavailableError: If the store can't be reached.
    """
    return get_manager().list_sessions(user_id)


def revoke_sessions(
    user_id: str, only: Iterable[str] | None = None, *, keep_current: bool = False
) -> int:
    """
    End a user's sessions for good, wherever they are: log out everywhere.

    With *keep_current* the calling browser's session stays, for it alone: other devices that share its
    data are struck off. Go on with :func:`get_current_session` then.

    Args:
        user_id: The user. Pass only whom you have authenticated, or let an administrator ask.
        only: Ids of the sessions or devices that are meant, such as those a user ticked in
            a list; those that are not the user's are passed over. None for all.
        keep_current: True to log out everywhere else.

    Returns:
        How many were ended.

    Raises:
        TypeError: If *user_id* is no text, None neither: nobody is logged in then.
        UnavailableError: If the store can't be reached: some may have ended; call it again.
    """
    return get_manager().revoke_sessions(user_id, only, keep_current=keep_current)


def list_devices() -> tuple[SessionSummary, ...]:
    """
    Return where this connection's user is signed in, each browser apart, latest activity first.

    Each has a ``device``: its browser, its system, since when and when it was last seen. One is ``current``. It is empty
    where nobody is logged in, and for users of ``st.login``: where those are signed in, their provider knows.

    Raises:
        UnavailableError: If the store can't be reached.
    """
    return get_manager().list_devices()


def end_device(device_id: str) -> bool:
    """
    Sign this connection's user out at one of their browsers; nothing of the session is lost.

    What that browser holds opens nothing any more, on any replica; a page that is open there begins anew when it runs next.
    Go on with :func:`get_current_session`. For the calling browser itself it is :func:`log_out`.

    Args:
        device_id: The ``device_id`` of one of :func:`list_devices`; one that is not the user's is passed over.

    Returns:
        Whether the user was signed in there.

    Raises:
        TypeError: If *device_id* is no text.
        UnavailableError: If the store can't be reached: it may be signed in still; call it again.
    """
    return get_manager().end_device(device_id)


def cleanup_expired_sessions(max_age_hours: float | None = None) -> int:
    """
    Remove expired sessions from the store, in small batches.

    Args:
        max_age_hours: Remove sessions without activity for so long, too: a number above 0.

    Returns:
        How many were removed.

    Raises:
        TypeError: If *max_age_hours* is neither a number nor None.
        ValueError: If it is not above 0: everything would be too old.
        UnavailableError: If the store can't be reached.
    """
    from sessionkit.session_repository import SessionRepository  # noqa: PLC0415 - naming the functions imports no manager

    return SessionRepository().cleanup_expired_sessions(max_age_hours)


def init_session_tables() -> None:
    """Open the configured store and create what it needs; doing it again is fine."""
    _ = get_manager().storage

# SPDX-License-Identifier: Apache-2.0
"""
A tour of sessionkit without a web framework.

Run it twice: ``python examples/session_usage.py``. The second run finds what the
first one left in ``.sessionkit/`` of the present folder.
"""

from __future__ import annotations

from sessionkit import (
    SessionRepository,
    UserSession,
    bootstrap_session,
    cleanup_expired_sessions,
    init_session_tables,
    persist_input,
    recover_session,
    save_session,
)

SESSION_ID = "tour"


def visit() -> UserSession:
    """Begin the session, or go on with the one that is stored."""
    session = bootstrap_session(session_id=SESSION_ID, user_id="user123")
    visits = session.inputs.get("visits", 0) + 1
    persist_input("visits", visits)
    print(f"Visit {visits} of session {session.session_id!r}, version {session.version}")
    return session


def navigate(session: UserSession) -> None:
    """Open pages; the history and the counters follow."""
    session.add_navigation("home")
    session.add_navigation("products", {"category": "electronics"})
    session.add_navigation("cart", {"items": 3})
    for entry in session.navigation_history[-3:]:
        print(f"  {entry.page}: {entry.params} at {entry.timestamp:%H:%M:%S}")
    print(f"  page views: {session.page_views}")


def fill_in_a_form(session: UserSession) -> None:
    """Type, be wrong, correct it, undo, redo and save."""
    form = session.get_form_state("registration_form")
    form.data = {"username": "johndoe", "email": "john"}
    form.errors = {"email": ["An address has an @"]}
    session.mark_form_dirty("registration_form")
    print(f"  unsaved: {sorted(session.dirty_forms)}, errors: {form.errors}")

    form.snapshot("before the correction")
    form.data["email"] = "john@example.com"
    form.errors.clear()
    form.undo()
    print(f"  after undo: {form.data['email']}")
    form.redo()
    print(f"  after redo: {form.data['email']}")

    session.mark_form_clean("registration_form")
    print(f"  saved at {form.last_saved:%H:%M:%S}")


def check_rights(session: UserSession) -> None:
    """Give rights and ask for them."""
    session.roles.add("editor")
    session.permissions.update({"read", "write"})
    print(f"  may write: {session.has_permission('write')}, is admin: {session.has_role('admin')}")


def track_caches(session: UserSession) -> None:
    """Note which cached data depend on what."""
    session.add_cache_key("user_posts", {"user_id", "posts"})
    print(f"  user_posts depends on {sorted(session.cache_dependencies['user_posts'])}")
    session.remove_cache_key("user_posts")


def save_and_recover(session: UserSession) -> None:
    """Save now, and read it back as another process would."""
    save_session(session, immediate=True)
    recovered = recover_session(session.session_id)
    if recovered:
        print(f"  recovered version {recovered.version}, duration {recovered.session_duration}")
        print(f"  as JSON: {len(recovered.to_json())} characters")


def meet_another_writer(session: UserSession) -> None:
    """Change the stored session from elsewhere, and save ours over it: both changes are kept."""
    repository = SessionRepository()
    elsewhere = repository.load(session.session_id)
    if elsewhere:
        elsewhere.theme = "dark"
        repository.save(elsewhere)

    session.language = "en"
    save_session(session, immediate=True)
    if merged := repository.load(session.session_id):
        print(f"  theme {merged.theme} from elsewhere, language {merged.language} from here")


def main() -> None:
    """Go through all of it."""
    init_session_tables()
    session = visit()
    for step in (
        navigate,
        fill_in_a_form,
        check_rights,
        track_caches,
        save_and_recover,
        meet_another_writer,
    ):
        print(step.__name__.replace("_", " ").capitalize())
        step(session)
    print(f"Active sessions: {SessionRepository().get_active_session_count()}")
    print(f"Removed {cleanup_expired_sessions(max_age_hours=24)} old sessions")


if __name__ == "__main__":
    main()

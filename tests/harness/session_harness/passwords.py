# SPDX-License-Identifier: Apache-2.0
"""A session that holds a password wherever one can lie, saved in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sessionkit import FormState, SessionManager, UserSession
from sessionkit.settings import Settings, load_settings

CANARY: Final = "Canary-7f3b9c5e1d"
OTHER: Final = "Canary-of-another-writer"


def settings(folder: Path, storage: str = "sqlite", **table: Any) -> Settings:
    """Return settings with a journal, over one storage."""
    return load_settings(
        storage=storage,
        storages={storage: table},
        security={"secret_key": "a secret for tests only", "folder": folder},
        persistence={
            "debounce_ms": 60_000,
            "max_wait_ms": 60_000,
            "journal": folder / "journal",
            "refresh_interval_ms": 0,
        },
    )


def fill(session: UserSession, canary: str = CANARY) -> None:
    """Put a password into inputs, a form, its errors and undo steps, a visit and an extension."""
    session.set_input("name", "Ada")
    session.set_input("Login-Password", canary)
    session.set_input(
        "account", {"user": "ada", "access_token": canary, "keys": [{"api_key": canary}]}
    )
    form = session.form_states.setdefault("login", FormState(form_id="login"))
    form.data.update(user="ada", password=canary, nested={"client_secret": canary})
    form.snapshot("typed")
    form.errors["password"] = [f"{canary} is too short"]
    form.data["password"] = f"{canary}2"
    form.snapshot("again")
    form.undo()
    session.add_navigation("account", {"token": canary, "tab": "1"})
    session.extensions["plugin"] = {"passwd": canary, "kept": True}


def save_in_every_way(manager: SessionManager, other: SessionManager) -> UserSession:
    """Save, queue, meet another writer, and rotate; return the session as it lives."""
    session = manager.bootstrap()
    fill(session)
    manager.save(session, immediate=True)
    theirs = other.recover(session.session_id)
    assert theirs is not None
    fill(theirs, OTHER)
    theirs.set_input("name", "Grace")
    other.save(theirs, immediate=True)
    session.set_input("name", "Ada L.")
    fill_again = session.inputs["account"]
    fill_again["access_token"] = f"{CANARY}3"
    manager.queue(session)
    manager.flush()
    manager.save(session, immediate=True)
    session.set_input("name", "Ada Lovelace")
    manager.queue(session)  # for the journal
    return session

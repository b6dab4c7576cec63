# SPDX-License-Identifier: Apache-2.0
"""The demo's store: the one that the settings name, behind a switch, to try what an outage does."""

from __future__ import annotations

from threading import Lock
from typing import Final

from sessionkit import UnavailableError, configure
from sessionkit.plugins import Plugins
from sessionkit.records import SessionPage, SessionWrite, StoredSession
from sessionkit.settings import Settings, load_settings
from sessionkit.storage import Storage


class StoreWithSwitch:
    """
    Passes all on to a store that is opened when it is first needed; an app has none of this.

    Attributes:
        off: Whether it can't be reached now.
    """

    def __init__(self) -> None:
        """Begin switched on."""
        self.off = False
        self._opening = Lock()
        self._store: Storage | None = None

    @staticmethod
    def place() -> str:
        """Return what store it is, and where if that is a file beside which the demo was started."""
        settings = load_settings()
        name = str(settings.storage or Plugins().choose_storage(settings.storages))
        return f"{name} · {_file(settings)}" if name == "sqlite" else name

    def read(self, session_id: str) -> StoredSession | None:
        """Return one snapshot of a session."""
        return self._reached().read(session_id)

    def write(self, write: SessionWrite) -> None:
        """Store a save."""
        self._reached().write(write)

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Move a session's times on."""
        return self._reached().touch(session_id, last_activity=last_activity, expires_at=expires_at)

    def delete(self, session_id: str) -> bool:
        """Remove a session."""
        return self._reached().delete(session_id)

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List sessions."""
        return self._reached().find(user_id=user_id, limit=limit, cursor=cursor)

    def count(self, *, active_since: int) -> int:
        """Count the active sessions."""
        return self._reached().count(active_since=active_since)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Remove some of what has ended."""
        return self._reached().purge(
            expired_before=expired_before, idle_before=idle_before, limit=limit
        )

    def close(self) -> None:
        """Close the store, if it was opened."""
        if self._store is not None:
            self._store.close()

    def _reached(self) -> Storage:
        if self.off:
            msg = "the store is switched off"
            raise UnavailableError(msg)
        with self._opening:
            if self._store is None:
                self._store = Plugins().open_storage(load_settings())
            return self._store


def _file(settings: Settings) -> str:
    url = settings.storages.get("sqlite", {}).get("url", "sqlite:///.sessionkit/sessions.db")
    return str(url).rpartition("/")[2]


STORE: Final = StoreWithSwitch()
"""The process's."""


def use_store_with_switch() -> None:
    """Have sessions kept there, and tabs follow each other."""
    configure(storage=STORE, persistence={"watch": True})

# SPDX-License-Identifier: Apache-2.0
"""Visits of sessions that sessionkit keeps, by way of one replica after the other."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from itertools import cycle
from typing import Any

from session_harness.schedules import RefusedError

from sessionkit.errors import SessionGoneError
from sessionkit.repository.repository import Repository
from sessionkit.session import UserSession


class SessionkitLibrary:
    """Sessions in a store that all *repositories* are over; each visit goes to the next of them."""

    def __init__(self, repositories: Sequence[Repository]) -> None:
        """Take the repositories: one for tabs in one process, two for replicas."""
        self._repositories = cycle(repositories)

    def begin(self, data: Mapping[str, Any]) -> str:
        """Store a new session and return its id."""
        session = UserSession(inputs=dict(data))
        next(self._repositories).save(session)
        return session.session_id

    def visit(self, session_id: str) -> SessionkitVisit:
        """Load the session; a new one takes the place of one that was ended."""
        repository = next(self._repositories)
        session = repository.load(session_id)
        return SessionkitVisit(repository, UserSession() if session is None else session)


class SessionkitVisit:
    """One object of a session; it is loaded once and saved once."""

    def __init__(self, repository: Repository, session: UserSession) -> None:
        """Take what was loaded."""
        self._repository = repository
        self._session = session

    @property
    def data(self) -> MutableMapping[str, Any]:
        """The inputs."""
        return self._session.inputs

    def changed(self) -> None:
        """Do nothing: all changes are found."""

    def log_out(self) -> None:
        """End the session; a new one takes its place."""
        self._repository.end(self._session.session_id, self._session)
        self._session = UserSession()

    def finish(self) -> None:
        """
        Save the session.

        Raises:
            RefusedError: If it was ended.
        """
        try:
            self._repository.save(self._session)
        except SessionGoneError as error:
            raise RefusedError from error

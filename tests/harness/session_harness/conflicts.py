# SPDX-License-Identifier: Apache-2.0
"""Two tabs that change one session, and what is told of the fields in which they met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from session_harness.replicas import Clock, Replica

from sessionkit.conflict import ConflictStrategy, FieldDecision
from sessionkit.events import ConflictResolved
from sessionkit.session import UserSession

Edit = Callable[[UserSession], Any]


class Tabs:
    """Two replicas of one session; theirs is saved first, though ours may have been changed later."""

    def __init__(self, strategy: ConflictStrategy, began: Edit | None = None) -> None:
        """Load it twice."""
        self.clock = Clock()
        self.ours = Replica(strategy=strategy, now=self.clock)
        session = self.ours.new()
        if began is not None:
            began(session)
            self.ours.save(session)
        self.theirs = self.ours.again(now=self.clock)
        self.our_session, self.their_session = self.ours.load(), self.theirs.load()

    def meet(self, ours: Edit, theirs: Edit) -> tuple[FieldDecision, ...]:
        """Save both, ours a minute later; return what was reported."""
        self.clock.advance(minutes=1)
        theirs(self.their_session)
        self.theirs.save(self.their_session)
        self.clock.advance(minutes=1)
        ours(self.our_session)
        self.ours.save(self.our_session)
        self.ours.repository.absorb(self.our_session)
        return self.ours.told(ConflictResolved)[-1].report.fields


def put(**inputs: Any) -> Edit:
    """Return an edit that sets inputs."""
    return lambda session: session.inputs.update(inputs)


def form(city: str) -> Edit:
    """Return an edit that sets a city in a form."""
    return lambda session: session.get_form_state("order").data.update(to={"city": city})

# SPDX-License-Identifier: Apache-2.0
"""Two writers of one form that is saved when the app asks, in any order of what they may do."""

from __future__ import annotations

import random
from typing import Any, Final

import attrs
import pytest
from session_harness.replicas import Replica
from session_harness.stores import LANDED, LOST

from sessionkit.session import UserSession
from sessionkit.session.forms import ask_for_forms

FORM: Final = "f"
FIELDS: Final = "xy"
SCHEDULES: Final = 80


@attrs.define(eq=False)
class Writer:
    """
    A live session in a process of its own.

    Attributes:
        replica: The process.
        session: The session.
        typed: What was typed, and neither stored nor asked for.
        asked: Whether a save that was asked for is still to come.
        count: Numbers what is typed; no two writers type the same.
    """

    replica: Replica
    session: UserSession
    count: int
    typed: dict[str, int] = attrs.field(factory=dict)
    asked: bool = False

    @property
    def data(self) -> dict[str, Any]:
        """What the form holds."""
        return self.session.form_states[FORM].data

    def stored(self) -> dict[str, Any]:
        """Return what the store holds of the form."""
        return dict(self.replica.again().load().form_states[FORM].data)

    def type(self, field: str) -> None:
        """Type into a field, with a step to come back to."""
        self.count += 2
        self.session.form_states[FORM].snapshot(str(self.count))
        self.data[field] = self.typed[field] = self.count

    def note(self, _: str) -> None:
        """Change something outside of the form."""
        self.count += 2
        self.session.inputs["note"] = self.count

    def save_by_itself(self, _: str, fate: str | None = None) -> None:
        """Save as the writer does by itself; what was not asked for stays out of the store."""
        before = self.stored()
        if fate is not None:
            self.replica.store.next_writes(fate)
        saved = [None] == self.replica.repository.save_many([self.session], whole=False)
        self.replica.store._fates.clear()
        if self.asked:
            self.typed.clear()
            self.asked = not saved
        else:
            assert before == self.stored()

    def lose(self, field: str) -> None:
        """Do the same while the store is down."""
        self.save_by_itself(field, LOST)

    def lose_the_answer(self, field: str) -> None:
        """Do the same; the write lands, and nobody is told."""
        self.save_by_itself(field, LANDED)

    def save(self, _: str = "") -> None:
        """Save because the app asks: all that was typed is stored."""
        self.replica.save(self.session)
        stored = self.stored()
        assert self.typed == {field: stored[field] for field in self.typed}
        self.typed.clear()
        self.asked = False

    def ask(self, _: str) -> None:
        """Ask; a save by itself follows some time."""
        ask_for_forms(self.session)
        self.asked = True

    def meet(self, _: str = "") -> None:
        """Take in what the other has stored."""
        if self.asked:
            self.typed.clear()  # from now on it is a change like any other: the later one wins
        self.replica.meet(self.session)


STEPS: Final = (
    Writer.type,
    Writer.type,
    Writer.type,
    Writer.note,
    Writer.save_by_itself,
    Writer.lose,
    Writer.lose_the_answer,
    Writer.save,
    Writer.ask,
    Writer.meet,
)


def two_writers() -> list[Writer]:
    """Return two writers of one stored session."""
    replica = Replica()
    session = replica.new()
    form = session.get_form_state(FORM)
    form.auto_save = False
    form.data.update(dict.fromkeys(FIELDS, 0))
    replica.save(session)
    other = replica.again()
    return [Writer(replica, session, count=0), Writer(other, other.load(), count=1)]


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_nothing_typed_is_lost_or_stored_unasked(seed: int) -> None:
    """Each sees what it typed until it asks; the store sees it then; in the end both are the same."""
    chance = random.Random(seed)  # noqa: S311 - the order of things, no secret
    writers = two_writers()
    for _ in range(30):
        step, writer, field = chance.choice(STEPS), chance.choice(writers), chance.choice(FIELDS)
        step(writer, field)
        for each in writers:
            assert each.typed == {name: each.data[name] for name in each.typed}
    for writer in writers * 3:
        writer.save()
        writer.meet()
    one, other = writers
    assert one.stored() == one.data == other.data
    assert one.session.inputs == other.session.inputs
    taken = [writer.session.form_states[FORM].snapshots for writer in writers]
    assert [step.snapshot_id for step in taken[0]] == [step.snapshot_id for step in taken[1]]

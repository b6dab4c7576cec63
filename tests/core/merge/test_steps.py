# SPDX-License-Identifier: Apache-2.0
"""Undo and redo take back what was done here, and nothing that someone else has done."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from session_harness.data import make_codec
from session_harness.replicas import Replica

from sessionkit.merge.merger import Merger
from sessionkit.session import UserSession
from sessionkit.session.forms import FormState


def form(session: UserSession) -> FormState:
    """Return the form."""
    return session.get_form_state("f")


def change(session: UserSession, *, step: bool = True, **fields: Any) -> None:
    """Change fields, after a snapshot."""
    if step:
        form(session).snapshot(f"before {sorted(fields)}")
    form(session).data.update(fields)


@pytest.fixture(name="other")
def _other(replica: Replica) -> Replica:
    """Return another process; the form is stored."""
    session = UserSession(session_id="s")
    form(session).data = {"a": 1, "b": 1}
    replica.save(session)
    return replica.again()


@pytest.mark.parametrize("steps", [True, False])
@pytest.mark.parametrize("mine_first", [True, False])
@pytest.mark.parametrize("fresh", [True, False])
def test_undo_leaves_what_another_writer_changed_at_the_same_time(
    replica: Replica, other: Replica, *, steps: bool, mine_first: bool, fresh: bool
) -> None:
    """Whoever saves first, and also for who loads the session later, where the other one took no snapshots."""
    mine, yours = replica.load(), other.load()
    change(mine, a=2)
    change(yours, step=steps, b=99)
    for writer, session in ((replica, mine), (other, yours))[:: 1 if mine_first else -1]:
        writer.save(session)
    if fresh and not steps:
        mine = replica.load()
    else:
        replica.meet(mine)
    assert {"a": 2, "b": 99} == form(mine).data
    assert form(mine).undo()

    assert {"a": 1, "b": 99} == form(mine).data
    assert not form(mine).can_undo
    assert form(mine).redo()
    assert {"a": 2, "b": 99} == form(mine).data
    replica.save(mine)
    assert {"a": 2, "b": 99} == form(other.again().load()).data


def test_undo_leaves_what_another_writer_changed_later(replica: Replica, other: Replica) -> None:
    """Though they knew of the step: no two writers met, and the step says so to whoever loads it."""
    mine = replica.load()
    change(mine, a=2)
    replica.save(mine)
    yours = other.load()
    change(yours, step=False, b=99)
    other.save(yours)
    replica.meet(mine)
    replica.save(mine)
    again = replica.again().load()
    for session in (mine, again):
        assert form(session).undo()
        assert {"a": 1, "b": 99} == form(session).data


def test_each_writer_takes_back_their_own_steps(replica: Replica, other: Replica) -> None:
    """One after the other, however they lie in time."""
    mine, yours = replica.load(), other.load()
    for number in (2, 3):
        change(mine, a=number)
        replica.save(mine)
        change(yours, b=number)
        other.save(yours)
        replica.meet(mine)
        other.meet(yours)
    seen = []
    while form(mine).undo():
        replica.save(mine)
        seen.append(dict(form(mine).data))
    other.save(yours)
    other.meet(yours)
    while form(yours).undo():
        seen.append(dict(form(yours).data))

    assert [{"a": 2, "b": 3}, {"a": 1, "b": 3}, {"a": 1, "b": 2}, {"a": 1, "b": 1}] == seen


def test_a_new_step_drops_only_what_could_be_redone_here(replica: Replica, other: Replica) -> None:
    """What someone else took back is theirs to redo."""
    mine, yours = replica.load(), other.load()
    change(yours, b=2)
    form(yours).undo()
    other.save(yours)
    replica.meet(mine)
    change(mine, a=2)
    replica.save(mine)
    other.meet(yours)
    assert form(yours).redo()

    assert {"a": 2, "b": 2} == form(yours).data


def test_a_field_that_both_changed_is_left(replica: Replica, other: Replica) -> None:
    """It is not known any more what it would be without the own change."""
    mine, yours = replica.load(), other.load()
    change(yours, step=False, a=5)
    other.save(yours)
    change(mine, a=2, b=2)
    replica.save(mine)
    replica.meet(mine)
    assert form(mine).undo()

    assert {"a": 2, "b": 1} == form(mine).data


def test_three_writers_end_alike_in_any_order() -> None:
    """Each step is told of what both others did."""
    codec, merger = make_codec(), Merger()
    base = UserSession(session_id="s")
    form(base).data = {"a": 1, "b": 1, "c": 1}
    began = codec.encode(base, {}).parts
    sides = []
    for name in "abc":
        session = codec.decode("s", began)
        change(session, **{name: 2})
        sides.append(codec.encode(session, {}).parts)
    ends = []
    for one, two, three in permutations(sides):
        merged = merger.encoded(codec, began, merger.encoded(codec, began, one, two), three)
        steps = form(codec.decode("s", merged)).snapshots
        ends.append({step.description: step.others for step in steps})

    assert ends == [ends[0]] * 6
    assert ["b", "c"] == ends[0]["before ['a']"]


def test_nothing_is_stored_of_it_where_nobody_else_was(replica: Replica) -> None:
    """A step is stored as it ever was."""
    session = UserSession(session_id="s")
    form(session).data = {"a": 1}
    change(session, a=2)
    replica.save(session)
    parts = replica.repository.load_parts("s")
    assert parts is not None
    [stored] = replica.repository.codec.decode_part("undo:f", parts.parts["undo:f"])["snapshots"]

    assert "others" not in stored
    assert "others" not in session.to_dict()["form_states"]["f"]["snapshots"][0]

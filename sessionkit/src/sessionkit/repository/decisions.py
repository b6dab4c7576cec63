# SPDX-License-Identifier: Apache-2.0
"""What was decided between two writers, or is still to be, and nobody has settled yet."""

from __future__ import annotations

from collections.abc import Iterable

from sessionkit.conflict import FieldDecision, Side
from sessionkit.merge.fields import ASKED, choose, forget, questions, value_at
from sessionkit.repository.tracks import Track
from sessionkit.session.session import UserSession
from sessionkit.values.equality import same_content


def open_decisions(session: UserSession, track: Track | None) -> tuple[FieldDecision, ...]:
    """
    Return the fields of which one side's value was dropped, the latest decision of each.

    A field that was changed since then is settled: whoever changed it has decided.
    """
    if not session.extensions.get(ASKED) and (track is None or not track.reports):
        return ()
    with session.lock:
        asked = {field.path: field for field in questions(session) if _stands(session, field)}
        dropped = {
            field.path: field
            for field in _dropped(track)
            if field.path not in asked and _stands(session, field)
        }
    return (*asked.values(), *dropped.values())


def settle(
    session: UserSession, track: Track | None, decision: FieldDecision, take: Side | None
) -> None:
    """
    Take a decision off the list.

    Args:
        session: The session.
        track: What is known of it.
        decision: What :func:`open_decisions` returned.
        take: The side whose value is put into the session; None leaves what is there.
    """
    with session.lock:
        if take is not None:
            choose(session, decision, take)
        _forget(session, (field for field in questions(session) if field.path == decision.path))
        _forget(session, (field for field in questions(session) if not _stands(session, field)))
    if track is not None:
        reported = set(_reported(track))
        seen_to = {field for field in reported if field.path == decision.path}
        track.settled = frozenset(track.settled & reported | seen_to)


def _forget(session: UserSession, asked: Iterable[FieldDecision]) -> None:
    for field in asked:
        if field.question is not None:
            forget(session, field.question)


def _dropped(track: Track | None) -> list[FieldDecision]:
    if track is None:
        return []
    return [field for field in _reported(track) if field not in track.settled]


def _reported(track: Track) -> list[FieldDecision]:
    return [field for report in track.reports for field in report.fields if field.taken != "merged"]


def _stands(session: UserSession, field: FieldDecision) -> bool:
    value = value_at(session, field)
    sides = (field.theirs,) if field.question else (field.ours, field.theirs)
    return any(same_content(value, side) for side in sides)

# SPDX-License-Identifier: Apache-2.0
"""Saves that someone waits for: those who wait for one session are served by one save."""

from __future__ import annotations

from threading import Condition, get_ident
from typing import Final

from sessionkit.errors import (
    ConfigError,
    QueueFullError,
    SessionKitError,
    UnavailableError,
)
from sessionkit.persistence.flushing import outcome_of, save_slots
from sessionkit.persistence.released import released
from sessionkit.persistence.slots import Flight, Slot
from sessionkit.persistence.writer import Writer
from sessionkit.session.arguments import SESSION
from sessionkit.session.fields import short
from sessionkit.session.session import UserSession

_LINGER: Final = 50e-6
"""Seconds that a save waits for others to share it, where the last one was shared."""


class Immediate(Writer):
    """Saves at once, on the thread of one of those who wait."""

    def save_now(self, session: UserSession) -> None:
        """
        Save a session now, and return when it is stored.

        However many threads call it for one session, there are never two saves of it at
        once: who comes during a save waits for it, and then one of those who wait saves for all
        of them. It is tried even while the store is known to be down.

        Args:
            session: The session. Its lock is let go of meanwhile, if the caller holds it.

        Raises:
            SerializationError: If a value can't be kept; all else was saved.
            UnavailableError: If the store can't be reached; it is tried again by itself.
            QueueFullError: If the store can't be reached, and too many sessions wait for it.
            SessionGoneError: If the session was ended, deleted or replaced.
            ConflictError: If the conflict strategy refused.
            PluginError: If the strategy failed; nothing was stored.
            RejectedError: If the store will not take it.
            SessionKitError: If this object was closed, or it is called in the midst of a
                save of this session, such as by an observer: it follows then.
        """
        SESSION.check(session)
        with released(session.lock):
            error = self._outcome(session)
        if error is not None:
            raise error

    def _outcome(self, session: UserSession) -> Exception | None:
        """Return what came of a save that began after now: another thread's, or our own."""
        while True:
            slot, flight, leads = self._board(session)
            try:
                if leads:
                    self._lead(slot, flight)
                else:
                    flight.wait()
            finally:
                self._leave(slot, flight if leads else None)
            if flight.done:
                return flight.error

    def _board(self, session: UserSession) -> tuple[Slot, Flight, bool]:
        """Join those who wait for the next save of a session; the first of them is to make it."""
        saving = get_ident() in self._saving
        with self._lock:
            slot = self._open(session)
            if slot.in_flight and saving:
                self._queue.put(session, slot.save_fn, self._clock())
                name = short(session.session_id)
                msg = f"session {name} is being saved; a save in the midst of a save can't wait for it, and follows"
                raise SessionKitError(msg)
            # In the midst of a save nobody may wait for a thread that waits for saves to end.
            flight, leads = None if saving else slot.boarding, False
            if flight is None:
                flight, leads = Flight(), True
                slot.boarding = slot.boarding or flight
            else:
                self._join(slot, flight)
            slot.waiters += 1
            return slot, flight, leads

    def _join(self, slot: Slot, flight: Flight) -> None:
        flight.aboard += 1
        if slot.turn is not None and flight.aboard == slot.crowd:
            slot.turn.notify_all()  # nobody else is to be waited for

    def _open(self, session: UserSession) -> Slot:
        self._check_open(session)
        known = id(session) in self._queue.slots
        slot = self._queue.open(session)
        if not known and self._ways.save_one is None and self._ways.save_many is None:
            self._queue.drop(slot)
            msg = "pass save_fn, or make SessionPersistence(save_many=repository.save_many)"
            raise ConfigError(msg)
        return slot

    def _lead(self, slot: Slot, flight: Flight) -> None:
        """Save for all who wait, once nobody else saves."""
        with self._lock:
            self._await_turn(slot)
            if slot.boarding is flight and flight.aboard < slot.crowd:
                # Whom the last save served are likely to be back at once, and to share this one.
                self._turn(slot).wait(_LINGER)
                self._await_turn(slot)
            if slot.boarding is flight:
                slot.boarding = None  # who comes from now on waits for the next one
            slot.flight = flight
            slot.begin(get_ident(), self._clock())
            self._begun([slot])
        with self._in_save([slot]):
            self._conclude([slot], [self._save(slot)], asked=True)
        if isinstance(flight.error, UnavailableError) and not isinstance(
            flight.error, QueueFullError
        ):
            self._keep_queued(slot)

    def _leave(self, slot: Slot, led: Flight | None) -> None:
        """Wait no more; what was to be saved is left to others, if something interrupted this thread."""
        with self._lock:
            slot.waiters -= 1
            if led is not None and not led.over:
                self._break_off(slot, led)
            if not slot.waiters:
                self._queue.again_or_out(slot)
                if slot.dirty:
                    self._wake()

    def _break_off(self, slot: Slot, flight: Flight) -> None:
        if slot.in_flight and slot.saver == get_ident():
            self._put_back([slot], get_ident())
        if slot.boarding is flight:
            slot.boarding = None
        flight.end(None, done=False)

    def _await_turn(self, slot: Slot) -> None:
        """Wait until a save may begin."""
        while True:
            if self._resting and get_ident() not in self._saving:
                self._settled.wait_for(lambda: not self._resting)
            elif slot.in_flight:
                self._turn(slot).wait()
            else:
                return

    def _turn(self, slot: Slot) -> Condition:
        slot.turn = slot.turn or Condition(self._lock)
        return slot.turn

    def _save(self, slot: Slot) -> Exception | None:
        save_one = slot.save_fn or self._ways.save_one
        if save_one is None:
            return save_slots([slot], self._ways.save_many)[0]
        return outcome_of(save_one, slot.session)

    def _keep_queued(self, slot: Slot) -> None:
        """Have the journal keep what waits for the store now."""
        if self._ways.keep is not None and slot.save_fn is None:
            self._ways.keep(slot.session)

# SPDX-License-Identifier: Apache-2.0
"""Who has a session's object, with what an oracle knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import attrs
from session_harness.oracle import EMPTY, Doubt, Path, State, Stored, merged, shown, stamped
from session_harness.replicas import Replica
from session_harness.stores import LANDED

from sessionkit.encoding.codec import SessionCodec
from sessionkit.errors import SessionKitError, UnavailableError
from sessionkit.merge.stamps import at, latest, read_stamps, read_tree
from sessionkit.records import RECENT_SAVES
from sessionkit.repository.tracks import Track
from sessionkit.session import UserSession

NOBODY = Stored(EMPTY, "", 0)


def stored_stamp(codec: SessionCodec, parts: Mapping[str, bytes], path: Path) -> int:
    """Return when a value was changed, by the stamps that are stored with encoded parts."""
    match path:
        case ("inputs", *_):
            name, keys = "inputs", path
        case ("form", form_id, *rest):
            name, keys = f"form:{form_id}", ("data", *rest)
        case ("extensions", plugin, *rest):
            name, keys = f"x:{plugin}", ("value", *rest)
        case _:
            name, keys = "profile", path
    return latest(reduce(at, keys, read_tree(codec, read_stamps(codec, parts).get(name))))


@attrs.define(eq=False)
class Place:
    """What objects of one process tell each other: the latest save that one of them stored or met."""

    seen: Stored = NOBODY


@attrs.define(eq=False)
class World:
    """
    What is stored of a session.

    Attributes:
        session_id: The session.
        look: Returns the ``save_id`` and version that are really stored.
        stored: What an oracle says is stored.
    """

    session_id: str
    look: Callable[[str], tuple[str, int]]
    stored: Stored = NOBODY

    def put(self, state: State) -> None:
        """Note that a save has landed."""
        self.stored = Stored(state, *self.look(self.session_id))


@attrs.define(eq=False, kw_only=True)
class Seat:
    """
    One object of a session, and what an oracle says of it.

    Attributes:
        replica: Its process.
        place: Shared by the seats of one process.
        world: What is stored of it.
        session: The object.
        base: What it was when its changes were contributed last.
        live: What it showed when it was last looked at.
        known: What was last seen in the store.
        foreign: Whether *known* is someone else's save that was not merged yet.
        doubt: A write whose answer was lost.
    """

    replica: Replica
    place: Place
    world: World
    session: UserSession
    base: State
    live: State
    known: Stored
    foreign: bool = False
    doubt: Doubt | None = None

    @property
    def track(self) -> Track:
        """What the repository knows of the object."""
        track = self.replica.repository._tracks.get(self.session)
        assert track is not None
        return track

    def see(self, was: State, now: int) -> None:
        """Note what the session showed, as each encoding does."""
        self.live = stamped(self.live, was, now)

    def meet(self, stored: Stored) -> None:
        """Record someone else's save."""
        self.known = self.place.seen = stored
        self.foreign = True

    def landed(self, ours: State) -> None:
        """Note that a save was acknowledged."""
        self.base, self.foreign, self.doubt = ours, False, None
        self.known = self.place.seen = self.world.stored

    # -- saving ----------------------------------------------------------------

    def save(self, fate: str | None, now: int, *, many: bool = False) -> None:
        """
        Save, and compare what came of it with what an oracle says.

        Args:
            fate: What becomes of the first write; None lets it pass.
            now: The seat's time.
            many: Whether it is saved in a batch.
        """
        sent, was = len(self.replica.store.writes), shown(self.session)
        if fate is not None:
            self.replica.store.next_writes(fate)
        error = self._saved(many=many)
        self.replica.store._fates.clear()
        writes = len(self.replica.store.writes) - sent
        refused = self._settled(fate, was, now, writes)
        assert (UnavailableError if refused else type(None)) is type(error), error

    def _saved(self, *, many: bool) -> Exception | None:
        if many:
            return self.replica.repository.save_many([self.session])[0]
        try:
            self.replica.save(self.session)
        except SessionKitError as error:
            return error
        return None

    def _settled(self, fate: str | None, was: State, now: int, writes: int | None) -> bool:
        """Let an oracle save; return whether no answer came. Without a count of *writes*, there is one if there is news."""
        if self.doubt is None:
            return self._fresh(fate, was, now, writes)
        lost = fate is not None and fate != LANDED
        if lost:
            return True
        doubt = self.doubt
        on = doubt.on if doubt.landed is None else doubt.landed.save_id
        if on != self.world.stored.save_id:
            # It is met: someone else has saved since.
            if doubt.landed and self.world.stored.version <= doubt.landed.version + RECENT_SAVES:
                self.base = doubt.ours  # after more saves than that nobody can tell any more
            self.doubt = None
            self.meet(self.world.stored)
        else:
            if doubt.landed is None:
                self.world.put(merged(self.base, doubt.ours, self.known.state))
                doubt.landed = self.world.stored
            if fate == LANDED:
                return True
            self.landed(doubt.ours)
        return self._fresh(None, was, now, None if writes is None else writes - 1)

    def _fresh(self, fate: str | None, was: State, now: int, writes: int | None) -> bool:
        if self.place.seen.version > self.known.version:
            self.meet(self.place.seen)
        self.see(was, now)
        if writes is None:
            writes = merged(self.base, self.live, self.known.state) != self.known.state
        if not writes:
            assert merged(self.base, self.live, self.known.state) == self.known.state
            self.base, self.foreign = self.live, False
            return False
        if fate is not None and fate != LANDED:
            self.doubt = Doubt(self.live, self.known.save_id)
            return True
        if self.world.stored.save_id != self.known.save_id:
            self.meet(self.world.stored)
            fate = None
        target = merged(self.base, self.live, self.known.state)
        self.world.put(target)
        if fate == LANDED:
            self.doubt = Doubt(self.live, self.known.save_id, self.world.stored)
            return True
        self.landed(self.live)
        return False

    # -- what others did -------------------------------------------------------

    def refresh(self) -> None:
        """Load what others saved."""
        self.replica.repository.refresh(self.session)
        if self.doubt is None and self.known.save_id != self.world.stored.save_id:
            self.meet(self.world.stored)

    def absorb(self, now: int) -> None:
        """Absorb what others did."""
        news, was = self.doubt is None and self.track.diverged, shown(self.session)
        self.replica.repository.absorb(self.session)
        if not news:
            assert shown(self.session) == was
            return
        self.see(was, now)
        if self.track.diverged:
            assert self.foreign
            return
        # Where two writers met, the next save asks the strategy first.
        assert not self.foreign or self.live == self.base
        self.live = merged(self.base, self.live, self.known.state)
        self.base, self.foreign = self.known.state, False

    # -- moving ----------------------------------------------------------------

    def rotate(self, new_id: str, now: int) -> World:
        """Move the session to a fresh id; return the world there."""
        was, rotation = shown(self.session), self.replica.repository.rotation
        former = rotation.rotate(self.session, new_id)
        self.session = former.session
        rotation.finish(former)
        there = World(new_id, self.world.look)
        there.put(self._moved(was, now))
        head = self.track.stored.head if self.track.stored else None
        assert head is not None
        # Who took others' late changes there was another object of this process.
        self.world, self.place = there, Place(there.stored)
        self.base, self.foreign = self.live, False
        self.known = Stored(self.live, head.save_id, head.version)
        return there

    def _moved(self, was: State, now: int) -> State:
        """Let an oracle move the session; return what is to be stored under the new id."""
        self.world.look = lambda _: ("the last one", 0)  # there is a tombstone by now
        if self.doubt is not None or self.foreign:
            self._settled(None, was, now, None)
        self.see(was, now)
        self.live = merged(self.base, self.live, self.known.state)
        return merged(self.known.state, self.live, self.world.stored.state)

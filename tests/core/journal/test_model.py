# SPDX-License-Identifier: Apache-2.0
"""A journaled process, another writer and crashes at any point, against a model that just counts."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from session_harness.journals import JournaledProcess
from session_harness.stores import LANDED, LOST

from sessionkit.errors import UnavailableError

MOST_FOREIGN = 4
"""Saves by others while a write's answer is not known: far fewer than a record remembers."""

FATES = st.sampled_from([None, LANDED, LOST])


class JournalMachine(RuleBasedStateMachine):
    """
    One session, which a journaled process and another one change.

    Attributes:
        process: The journaled process that lives now.
        ours: How often it opened a page, all its lives together.
        safe: How many of these must not get lost any more.
        theirs: How often the other writer did.
        values: What it wrote under its own keys, and kept.
    """

    def __init__(self) -> None:
        """Store an empty session."""
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.process = JournaledProcess(Path(self._folder.name))
        # So large that of its part not all is recorded again.
        self.session = self.process.new(text="text" * 500)
        self.other = self.process.next()
        self.ours = self.safe = self.theirs = self.number = 0
        self.foreign = 0
        self.values: dict[str, Any] = {}

    def teardown(self) -> None:
        """Whatever was done: after a last crash and a replay all of it is there, once."""
        try:
            self.crash(None)
        finally:
            self._folder.cleanup()

    @rule(key=st.sampled_from("ab"), again=st.booleans())
    def write(self, key: str, again: bool) -> None:  # noqa: FBT001 - Hypothesis passes keywords
        """Change a value, and have it kept."""
        self.number += 1
        self.session.inputs[key] = self.number
        self.session.add_navigation("page")
        self.ours += 1
        self.keep()
        if again:
            self.keep()

    @rule()
    def delete(self) -> None:
        """Take a value out, and have it kept."""
        self.session.inputs.pop("a", None)
        self.keep()

    @rule()
    def change_silently(self) -> None:
        """Change something that nobody is told of."""
        self.session.add_navigation("page")
        self.ours += 1

    def keep(self) -> None:
        """Keep the session as it is now."""
        assert self.process.journal.keep(self.session)
        self.safe = self.ours
        self.values = {key: self.session.inputs.get(key) for key in "ab"}

    @rule(fate=FATES, meanwhile=st.sampled_from(["encoded", "sent", None]))
    def save(self, fate: str | None, meanwhile: str | None) -> None:
        """Save; the answer may get lost, with or without the write, and more be kept meanwhile."""
        self.process.store.next_writes(fate)
        if meanwhile == "encoded":
            self.process.journal.sending = self.sending  # type: ignore[method-assign]
        elif meanwhile == "sent":
            self.process.store.on_write = self.sent
        self.try_to_save()
        vars(self.process.journal).pop("sending", None)
        self.process.store.on_write = None
        self.process.store._fates.clear()

    def sending(self, saves: Any) -> None:
        """Change and keep the session just before the journal hears of a write."""
        del self.process.journal.sending
        self.write("b", again=False)
        self.process.journal.sending(saves)

    def sent(self, _: object) -> None:
        """Change and keep the session while a write is on its way."""
        self.process.store.on_write = None
        self.write("b", again=False)

    def try_to_save(self) -> None:
        """Save, and note what is safe then."""
        before = self.ours
        silent = {key: self.session.inputs.get(key) for key in "ab"}
        with suppress(UnavailableError):
            self.process.repository.save(self.session)
            self.safe = max(self.safe, before)
            if self.ours == before:
                self.values = silent
            self.foreign = 0

    @precondition(lambda self: self.foreign < MOST_FOREIGN)
    @rule()
    def save_elsewhere(self) -> None:
        """Let the other writer do something."""
        theirs = self.other.load()
        self.theirs += 1
        theirs.inputs["x"] = self.theirs
        theirs.add_navigation("page")
        self.other.repository.save(theirs)
        self.foreign += 1

    @rule()
    def take_in(self) -> None:
        """Let the session have what the other writer did, as a rerun does."""
        self.process.repository.refresh(self.session)
        self.process.repository.absorb(self.session)

    @rule(fate=FATES)
    def crash(self, fate: str | None) -> None:
        """Kill the process, and perhaps the next one, too, in the midst of its replay."""
        self.process = self.process.killed()
        if fate is not None:
            self.process.store.next_writes(fate)
            self.process.replay()
            self.process = self.process.killed()
        self.process.replay()
        assert [] == self.process.files()
        self.session = self.process.load()
        self.check()
        self.foreign = 0

    def check(self) -> None:
        """Compare with the model, and let it know what became of silent changes."""
        count = self.session.page_views.get("page", 0) - self.theirs
        assert self.safe <= count <= self.ours
        assert self.session.page_views.get("page", 0) == self.session.interaction_count
        assert self.values == {
            **self.values,
            **{k: self.session.inputs.get(k) for k in self.values},
        }
        assert (self.theirs or None) == self.session.inputs.get("x")
        self.ours = self.safe = count

    @invariant()
    def nothing_failed(self) -> None:
        """The journal never fails where the disk does not."""
        told = [type(event).__name__ for event in self.process.events]
        assert not {"JournalFailed", "JournalSetAside"} & set(told)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

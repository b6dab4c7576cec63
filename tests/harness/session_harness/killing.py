# SPDX-License-Identifier: Apache-2.0
"""
Processes that save and are killed, over and over.

Run as a program of its own (``python -m session_harness.killing``): it opens nothing and has
one thread, so that it can fork a child for each life, which takes a millisecond and not
the half second of a new interpreter. The lives' history is printed as JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from sessionkit.journal import store
from sessionkit.manager.manager import SessionManager
from sessionkit.session import UserSession
from sessionkit.settings import load_settings

SESSION: Final = "the-one-session"

_PAGE: Final = "page"
_PATIENCE: Final = 20.0

Line: TypeAlias = list[Any]
"""What a child said: a word, facts, the key that it counts under, and a moment."""


@attrs.frozen(kw_only=True)
class Plan:
    """
    What the lives do.

    Attributes:
        folder: Where store and journal are.
        seed: Of all that is random.
        lives: How many there are, one after the other.
        together: How many processes each has, all for one session.
        journal: Whether they keep a journal.
        fsync: Whether it is on the disk at once.
        longest: How long a life lasts, in seconds, at most.
        save_every: After how many changes one is saved at once; 0 for never.
        early: Whether lives may end before they have begun to work.
        copied: Whether each life finds a copy of the files, made in the midst of the life before, as a backup or a
            machine that stops would have them.
    """

    folder: str
    seed: int
    lives: int
    together: int = 1
    journal: bool = True
    fsync: bool = False
    longest: float = 0.15
    save_every: int = 0
    early: bool = True
    copied: bool = False


def main() -> None:
    """Live, and print what every life has said."""
    plan = Plan(**json.loads(sys.argv[1]))
    os.chdir(plan.folder)
    _import_all(plan)
    # Lives are short: that they end in the midst of this, too, it is done often.
    vars(store).update(_MUCH=2**14, _MOST=2**15)
    chance = random.Random(plan.seed)  # noqa: S311 - no secret
    lives = [_life(plan, chance, number) for number in range(plan.lives)]
    last = attrs.evolve(plan, together=1, longest=0.0, early=False)
    lives.append(_life(last, chance, plan.lives))
    sys.stdout.write(json.dumps(lives))


def _import_all(plan: Plan) -> None:
    """Do once what all children would do: most of it is imports."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _manager(attrs.evolve(plan, folder=folder)) as one,
    ):
        one.save(one.bootstrap(SESSION), immediate=True)
    until = time.monotonic() + _PATIENCE
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == 1, "a process is forked while it has one thread"


def _life(plan: Plan, chance: random.Random, number: int) -> dict[str, Any]:
    # What a process counts is its own: no other one goes on with it.
    children = [_Child(plan, f"{number}.{who}") for who in range(plan.together)]
    if not plan.early or chance.random() < 0.7:
        for child in children:
            child.wait_until_it_works()
    time.sleep(chance.uniform(0.01, plan.longest) if plan.longest else 0)
    if plan.copied:
        _copy(plan, children)
    killed = [child.kill() for child in children]
    if plan.copied:
        _take_copies(plan)
    return {"killed": killed, "said": [child.said() for child in children]}


def _copy(plan: Plan, children: list[_Child]) -> None:
    for child in children:
        os.kill(child.pid, signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
    copies = Path(plan.folder) / "copies"
    copies.mkdir()
    for path in _files(plan):
        if path.is_dir():
            shutil.copytree(path, copies / path.name)
        elif not path.name.endswith(
            "-shm"
        ):  # what SQLite has of a log in memory ends with the machine
            shutil.copy2(path, copies / path.name)


def _take_copies(plan: Plan) -> None:
    for path in _files(plan):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    copies = Path(plan.folder) / "copies"
    for path in list(copies.iterdir()):
        path.rename(Path(plan.folder) / path.name)
    copies.rmdir()


def _files(plan: Plan) -> list[Path]:
    return [path for path in Path(plan.folder).iterdir() if path.name != "copies"]


class _Child:
    """A child process, and what it says."""

    def __init__(self, plan: Plan, key: str) -> None:
        self._reads, writes = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._reads)
            _work(plan, key, writes)
        os.close(writes)
        self._text = b""

    def wait_until_it_works(self) -> None:
        until = time.monotonic() + _PATIENCE
        while b"found" not in self._text and time.monotonic() < until:
            self._text += os.read(self._reads, 65536) or b'["found"]'

    def kill(self) -> float:
        moment = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return moment

    def said(self) -> list[Line]:
        while data := os.read(self._reads, 65536):
            self._text += data
        os.close(self._reads)
        # The last line may be cut off.
        return [json.loads(line) for line in self._text.splitlines(keepends=True) if b"\n" in line]


def _work(plan: Plan, key: str, writes: int) -> None:
    """Save until killed; never returns."""

    def say(word: str, *facts: object) -> None:
        os.write(writes, (json.dumps([word, *facts, key, time.monotonic()]) + "\n").encode())

    try:
        manager = _manager(plan)
        with manager:
            session = manager.bootstrap(SESSION)
            say(
                "found", session.inputs, session.page_views.get(_PAGE, 0), session.interaction_count
            )
            _save_for_ever(plan, manager, session, key, say)
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        say("failed", traceback.format_exc())
    finally:
        os._exit(1)


def _manager(plan: Plan) -> SessionManager:
    persistence: dict[str, Any] = {"debounce_ms": 5, "max_wait_ms": 20}
    if plan.journal:
        persistence |= {"journal": str(Path(plan.folder) / "journal"), "journal_fsync": plan.fsync}
    url = f"sqlite:///{Path(plan.folder) / 'sessions.db'}"
    return SessionManager(
        load_settings(storage="sqlite", storages={"sqlite": {"url": url}}, persistence=persistence)
    )


def _save_for_ever(
    plan: Plan, manager: SessionManager, session: UserSession, key: str, say: Any
) -> None:
    while True:
        with session.lock:
            number = session.inputs.get(key, 0) + 1
            session.add_navigation(_PAGE)
            session.inputs[key] = number
        at_once = plan.save_every and number % plan.save_every == 0
        manager.save(session, immediate=bool(at_once))
        say("saved" if at_once else "kept", number)
        time.sleep(0.001)


if __name__ == "__main__":
    main()

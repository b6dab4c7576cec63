# SPDX-License-Identifier: Apache-2.0
"""How a process ends or forks: what waits is saved before, and by one process only."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Iterable
from threading import RLock, current_thread, main_thread
from types import FrameType
from typing import Any, Final, Protocol
from weakref import WeakSet

from sessionkit.errors import ConfigError

_ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
)

_FAILED: Final = 128
"""A process that a signal ended has this and the signal's number as its exit code."""


def install_signal_handlers(signals: Iterable[int] = _ENDING) -> None:
    """
    Have what waits saved when a signal ends the process, too.

    Python ends at once on SIGTERM and SIGHUP, without its ``atexit`` functions. With this
    it ends by ``SystemExit(128 + number)``, and what waits is saved within
    ``[persistence] exit_timeout_ms``. A handler that is there already, such as that
    of a web server or Python's own for SIGINT, is called instead and has the say;
    a signal that is ignored stays ignored. Signals that come while
    the last saves go on change nothing. Call it once, in the main thread of a script; calling it
    again is fine. A server such as Streamlit's handles signals itself.

    Args:
        signals: The signals.

    Raises:
        ConfigError: If it is not called in the main thread, where alone Python handles signals.
    """
    if current_thread() is not main_thread():
        msg = f"install_signal_handlers() was called in {current_thread().name}; call it in the main thread"
        raise ConfigError(msg)
    EXITS.install(signals)


def save_before_exit(one: ExitSaver) -> None:
    """Have someone save before this process ends, and begin anew after a fork."""
    EXITS.add(one)


def _was_imported_at_exit() -> bool:
    """
    Return whether an ``atexit`` function of the app's was the first to import this.

    What is registered now is never called, and a main thread that :mod:`threading` hadn't met by then never counts as
    ended. What tells it is the stack: at its bottom there is the app's function, and no module that is being run.
    """
    if current_thread() is not main_thread() or "greenlet" in sys.modules:
        return False  # a thread or a greenlet has a bottom of its own
    frame = sys._getframe()  # noqa: SLF001 - CPython's way to the stack, as inspect has it
    while frame.f_back is not None:
        frame = frame.f_back
    started_by = frame.f_globals.get("__name__", "")
    return frame.f_code.co_name != "<module>" and not started_by.startswith(("runpy", "importlib"))


class ExitSaver(Protocol):
    """What has something to save before its process ends."""

    def save_at_exit(self) -> None:
        """Save what waits; never longer than it may take, and never raises."""

    def before_fork(self) -> None:
        """Come to rest, and stay so until one of the next two is called."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew: what waits is the parent's."""


class Exits:
    """
    Knows who has something to save, and when the process ends.

    Attributes:
        ending: Whether what waits is being saved for the last time.
        over: Whether it has been. Who comes later, or once the main thread has ended, saves at once: no thread can be
            started (Python 3.12 and newer), and one that is started ends with the process.
    """

    def __init__(self) -> None:
        """Begin with nobody."""
        self.ending, self.over = False, _was_imported_at_exit()
        self._forking = RLock()
        self._adding = RLock()  # a set that grows while it is read raises
        self._savers: WeakSet[ExitSaver] = WeakSet()
        self._at_rest: list[ExitSaver] = []
        self._before: dict[int, Any] = {}
        self._finalized = self._told = False

    def add(self, one: ExitSaver) -> None:
        """Have someone save before the process ends."""
        with self._adding:
            self._savers.add(one)
        self.end_with_multiprocessing()

    def save_all(self) -> None:
        """Let everyone save."""
        self.ending = True
        try:
            for one in self._everyone():
                one.save_at_exit()
        finally:
            self.ending, self.over = False, True

    def _everyone(self) -> list[ExitSaver]:
        with self._adding:
            return list(self._savers)

    def end_with_multiprocessing(self) -> None:
        """A process of :mod:`multiprocessing` ends without ``atexit``: it has finalizers of its own."""
        multiprocessing = sys.modules.get("multiprocessing.process")
        if self._finalized or multiprocessing is None or multiprocessing.parent_process() is None:
            return
        from multiprocessing.util import Finalize  # noqa: PLC0415 - such a process has imported it

        Finalize(None, self.save_all, exitpriority=0)
        self._finalized = True

    # -- fork -----------------------------------------------------------------

    def before_fork(self) -> None:
        """Bring everyone to rest: a lock that is held while a process forks is never released in the child."""
        self._forking.acquire()
        self._at_rest = self._everyone()
        for one in self._at_rest:
            one.before_fork()

    def after_fork_in_parent(self) -> None:
        """Let everyone go on."""
        for one in reversed(self._at_rest):
            one.after_fork_in_parent()
        self._at_rest = []
        self._forking.release()

    def after_fork_in_child(self) -> None:
        """Let everyone begin anew."""
        self._forking, self._adding = RLock(), RLock()
        self.ending = self.over = self._finalized = False
        for one in self._at_rest:
            one.after_fork_in_child()
        self._at_rest = []
        util = sys.modules.get("multiprocessing.util")
        if util is not None and not self._told:
            # It forgets all finalizers right after this, and asks for new ones.
            util.register_after_fork(self, Exits.end_with_multiprocessing)
            self._told = True

    # -- signals --------------------------------------------------------------

    def install(self, signals: Iterable[int]) -> None:
        """Handle *signals*; see :func:`install_signal_handlers`."""
        for number in signals:
            before = signal.getsignal(number)
            if before not in (self.handle, signal.SIG_IGN, None):
                self._before[number] = before
                signal.signal(number, self.handle)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """End the process so that it is cleaned up; or leave it to the handler that was there."""
        if self.ending:
            return  # it ends, within its time
        before = self._before.get(number)
        if callable(before):
            before(number, frame)
            return
        raise SystemExit(_FAILED + number)


EXITS: Final = Exits()


atexit.register(EXITS.save_all)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=EXITS.before_fork,
        after_in_parent=EXITS.after_fork_in_parent,
        after_in_child=EXITS.after_fork_in_child,
    )

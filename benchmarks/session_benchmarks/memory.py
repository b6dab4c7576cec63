# SPDX-License-Identifier: Apache-2.0
"""What a live session takes of a process's memory, against its content: ``python -m session_benchmarks.memory SIZE FOLDER``."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from session_benchmarks.data import SIZES, Size, as_document, change, make_session
from sessionkit import SessionManager, load_settings
from sessionkit.session import UserSession

_SESSIONS: Final = 40


def measure(size: Size, folder: Path) -> tuple[float, float]:
    """
    Return how many bytes a session takes for each byte of its content.

    Args:
        size: How large it is.
        folder: Where it is stored.

    Returns:
        For one that was loaded, and for one that was changed and saved since.
    """
    settings = load_settings(
        storage="sqlite",
        storages={"sqlite": {"url": f"sqlite:///{folder}/sessions.db"}},
        security={"folder": folder},
    )
    document = orjson.dumps(as_document(make_session(size)))
    content = _bytes_each(lambda _: orjson.loads(document))
    with SessionManager(settings) as manager:
        repository = manager.repository
        for number in range(-3, _SESSIONS):
            repository.save(make_session(size, f"s{number}"))

        def load(number: int) -> UserSession:
            session = repository.load(f"s{number}")
            if session is None:
                msg = f"the session s{number} is not stored"
                raise RuntimeError(msg)
            return session

        def load_and_save(number: int) -> UserSession:
            session = load(number)
            change(session, 0)
            repository.save(session)
            return session

        return _bytes_each(load) / content, _bytes_each(load_and_save) / content


def _bytes_each(make: Callable[[int], object]) -> float:
    """Return how many bytes stay allocated for each of some objects."""
    kept = [make(number) for number in range(-3, 0)]  # what is made once is made
    tracemalloc.start()
    try:
        kept += [make(number) for number in range(_SESSIONS)]
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / _SESSIONS
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    wanted = next(size for size in SIZES if size.name == sys.argv[1])
    print(*measure(wanted, Path(sys.argv[2])))  # noqa: T201 - what is asked for

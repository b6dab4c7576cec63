# SPDX-License-Identifier: Apache-2.0
"""Every measurement by name, with what it has to reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, Generic, TypeVar

import attrs

from session_benchmarks.backends import Backend, Store, mariadb, memory, postgresql, redis, sqlite
from session_benchmarks.bursts import burst_rows
from session_benchmarks.callers import input_rows, rerun_rows, schedule_rows
from session_benchmarks.codecs import codec_rows
from session_benchmarks.contention import contention_rows
from session_benchmarks.counts import count_rows
from session_benchmarks.flushes import flush_rows
from session_benchmarks.imports import import_rows
from session_benchmarks.journals import journal_rows
from session_benchmarks.merges import merge_rows
from session_benchmarks.pages import page_rows
from session_benchmarks.peer_rows import peer_rows
from session_benchmarks.plan import Plan
from session_benchmarks.purges import purge_rows
from session_benchmarks.refreshes import refresh_rows
from session_benchmarks.rows import NO_TARGET, Row, Target
from session_benchmarks.saves_and_loads import load_rows, save_rows
from session_benchmarks.threads import thread_rows

S = TypeVar("S", bound=Store)

_LOADS: Final = {
    "2 kB": Target(ratio=0.75),
    "20 kB": Target(ratio=0.9),
    "194 kB": Target(ratio=0.9),
    "970 kB": Target(ratio=0.9),
}
_COUNTED: Final = partial(contention_rows, target=Target(ratio=1.2))
_HALF: Final = 0.5
"""Milliseconds each way, for a round trip of one."""


@attrs.frozen
class Measurement(Generic[S]):
    """
    One measurement.

    Attributes:
        opened: Makes its store.
        rows: Measures.
        slow: Whether a quick run leaves it out.
    """

    opened: Callable[[], AbstractContextManager[S]]
    rows: Callable[[S, Plan], Iterator[Row]]
    slow: bool = False

    def run(self, plan: Plan) -> Iterator[Row]:
        """Measure on a store of its own."""
        with self.opened() as store:
            yield from self.rows(store, plan)


_normal: Final = partial(sqlite, "NORMAL")
_full: Final = partial(sqlite, "FULL")
_far_postgresql: Final = partial(postgresql, _HALF)
_far_redis: Final = partial(redis, _HALF)
_ONE_WRITE: Final = partial(burst_rows, target=Target(writes=1))


def _peer(
    opened: Callable[[], AbstractContextManager[Backend]], module: str, *, slow: bool = False
) -> Measurement[Backend]:
    return Measurement(opened, partial(peer_rows, module=module), slow=slow)


def _ratios(**ratios: float) -> dict[str, Target]:
    return {f"{size[1:]} kB": Target(ratio=ratio) for size, ratio in ratios.items()}


MEASUREMENTS: Final[dict[str, Measurement[Any]]] = {
    "streamlit": Measurement(_normal, page_rows),
    "import": Measurement(memory, import_rows),
    "codec": Measurement(memory, codec_rows),
    "merge": Measurement(memory, merge_rows),
    "persist-input": Measurement(_normal, input_rows),
    "journal": Measurement(_normal, journal_rows),
    "schedule": Measurement(_normal, schedule_rows),
    "sqlite-burst": Measurement(_normal, _ONE_WRITE),
    "sqlite-rerun": Measurement(_normal, rerun_rows),
    "sqlite-save": Measurement(_normal, partial(save_rows, targets=_ratios(_2=0.55))),
    "sqlite-full-save": Measurement(
        _full, partial(save_rows, targets=_ratios(_2=0.85, _20=0.9, _194=2, _970=6))
    ),
    "sqlite-load": Measurement(_normal, partial(load_rows, targets=_LOADS)),
    "sqlite-threads": Measurement(_full, partial(thread_rows, target=Target(ratio=2))),
    "sqlite-flush": Measurement(_full, partial(flush_rows, target=Target(ratio=15))),
    "sqlite-count": Measurement(
        _normal, partial(count_rows, target=Target(ratio=1 / 1.2)), slow=True
    ),
    "sqlite-purge": Measurement(
        _normal, partial(purge_rows, target=Target(seconds=0.040)), slow=True
    ),
    "sqlite-contention": Measurement(_normal, _COUNTED, slow=True),
    "sqlite-refresh": Measurement(_normal, refresh_rows),
    "postgresql-save": Measurement(
        postgresql, partial(save_rows, targets=_ratios(_2=0.9, _20=1.5, _194=4.5))
    ),
    "postgresql-load": Measurement(postgresql, partial(load_rows, targets={})),
    "postgresql-threads": Measurement(
        postgresql, partial(thread_rows, target=NO_TARGET), slow=True
    ),
    "postgresql-flush": Measurement(
        postgresql, partial(flush_rows, target=Target(ratio=25)), slow=True
    ),
    "postgresql-far-flush": Measurement(
        _far_postgresql, partial(flush_rows, target=NO_TARGET), slow=True
    ),
    "postgresql-count": Measurement(
        postgresql, partial(count_rows, target=Target(ratio=1 / 1.2)), slow=True
    ),
    "postgresql-purge": Measurement(postgresql, partial(purge_rows, target=NO_TARGET), slow=True),
    "postgresql-contention": Measurement(postgresql, _COUNTED, slow=True),
    "postgresql-refresh": Measurement(postgresql, refresh_rows),
    "mariadb-contention": Measurement(mariadb, _COUNTED, slow=True),
    "mariadb-refresh": Measurement(mariadb, refresh_rows, slow=True),
    "redis-save": Measurement(
        redis, partial(save_rows, targets=_ratios(_2=0.75, _20=0.85, _194=3.3))
    ),
    "redis-load": Measurement(redis, partial(load_rows, targets=_LOADS)),
    "redis-threads": Measurement(redis, partial(thread_rows, target=NO_TARGET)),
    "redis-far-flush": Measurement(
        _far_redis, partial(flush_rows, target=Target(ratio=20)), slow=True
    ),
    "redis-count": Measurement(redis, partial(count_rows, target=Target(seconds=0.003)), slow=True),
    "redis-purge": Measurement(redis, partial(purge_rows, target=NO_TARGET), slow=True),
    "redis-contention": Measurement(redis, _COUNTED, slow=True),
    "redis-refresh": Measurement(redis, refresh_rows),
    "redis-burst": Measurement(redis, _ONE_WRITE),
    "django-sqlite": _peer(_normal, "django_store"),
    "django-postgresql": _peer(postgresql, "django_store", slow=True),
    "django-redis": _peer(redis, "django_store"),
    "flask-session-sqlite": _peer(_normal, "flask_store"),
    "flask-session-redis": _peer(redis, "flask_store"),
    "starsessions-redis": _peer(redis, "starsessions_store"),
    "nicegui-file": _peer(_normal, "nicegui_store"),
}

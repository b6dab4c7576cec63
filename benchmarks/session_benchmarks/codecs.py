# SPDX-License-Identifier: Apache-2.0
"""A session's classes to bytes and back, without the store, against orjson on plain dicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from session_benchmarks.backends import Store
from session_benchmarks.data import SIZES, as_document, make_session
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target
from session_benchmarks.timing import interleaved
from sessionkit.manager.manager import SessionManager
from sessionkit.settings import Settings

_SIZE: Final = SIZES[2]
_ROUNDS: Final = 300
_ENCODE: Final = Target(ratio=1 / 2)
_DECODE: Final = Target(ratio=1 / 1.3)


def codec_rows(store: Store, plan: Plan) -> Iterator[Row]:
    """Time what saves encode, the first one and those that follow, and what a load decodes."""
    session = make_session(_SIZE)
    document = as_document(session)
    data = orjson.dumps(document)
    with opened(store) as storage:
        codec = SessionManager(Settings()).assembly.parts(storage)["codec"]
    parts = codec.encode(session, {}).parts
    rounds = plan.rounds(_ROUNDS)
    for when, last in (("for the first time", {}), ("again", parts)):
        yield Row(
            measured=f"encode a session of {_SIZE.name} {when}",
            against="orjson encodes its dicts",
            pair=interleaved(
                lambda _: orjson.dumps(document),
                lambda _: codec.encode(session, last),  # noqa: B023 - called at once
                rounds,
            ),
            target=_ENCODE,
        )
    yield Row(
        measured=f"decode a session of {_SIZE.name}",
        against="orjson decodes into dicts",
        pair=interleaved(
            lambda _: orjson.loads(data),
            lambda _: codec.decode(session.session_id, parts),
            rounds,
        ),
        target=_DECODE,
    )

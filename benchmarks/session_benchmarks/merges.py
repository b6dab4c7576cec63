# SPDX-License-Identifier: Apache-2.0
"""Two writers changed one field each in the same part: the three-way merge, without the store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import attrs
import orjson
from session_harness.replicas import repository_over

from session_benchmarks.backends import Store
from session_benchmarks.data import SIZES, Size, as_document, make_session
from session_benchmarks.ours import opened
from session_benchmarks.plan import Plan
from session_benchmarks.rows import Row, Target
from session_benchmarks.timing import interleaved
from sessionkit.encoding.codec import Decoded, EncodedParts, SessionCodec
from sessionkit.merge.merger import Merger

_ROUNDS: Final = 1000
_TARGETS: Final = {SIZES[0]: Target(seconds=100e-6), SIZES[2]: Target(seconds=1e-3)}


class Meeting(NamedTuple):
    """What a merge is given."""

    codec: SessionCodec
    base: EncodedParts | None
    ours: EncodedParts
    theirs: EncodedParts


@attrs.frozen
class NotingMerger(Merger):
    """
    Merges, and keeps what it was given.

    Attributes:
        met: What it was given, each time.
    """

    met: list[Meeting] = attrs.field(factory=list)

    def encoded(
        self,
        codec: SessionCodec,
        base: EncodedParts | None,
        ours: EncodedParts,
        theirs: EncodedParts,
        decoded: Decoded | None = None,
    ) -> EncodedParts:
        """Merge encoded parts; what a save has decoded before is no part of the measurement."""
        self.met.append(Meeting(codec, base, ours, theirs))
        return super().encoded(codec, base, ours, theirs, decoded)


def merge_rows(store: Store, plan: Plan) -> Iterator[Row]:
    """Time merges of what a save merges, against decoding three documents and encoding one."""
    for size, target in _TARGETS.items():
        meeting = meeting_in(store, size)
        document = orjson.dumps(as_document(make_session(size)))
        yield Row(
            measured=f"merge of {size.name}, two writers in one part",
            against="orjson: three documents decoded, one encoded",
            pair=interleaved(
                lambda _, data=document: _decode_and_encode(data),  # type: ignore[misc]
                lambda _, given=meeting: Merger().encoded(*given),  # type: ignore[misc]
                plan.rounds(_ROUNDS),
            ),
            target=target,
        )


def meeting_in(store: Store, size: Size) -> Meeting:
    """Let two replicas save a session of *size*; return what the second one merges."""
    with opened(store) as storage:
        merger = NotingMerger()
        one, other = repository_over(storage), repository_over(storage, merger=merger)
        session = make_session(size)
        one.save(session)
        mine = other.load(session.session_id)
        if mine is None:
            msg = "the session that was just stored is not there"
            raise RuntimeError(msg)
        session.form_states["form_0"].data["field_0"] = "changed by one"
        one.save(session)
        mine.form_states["form_0"].data["field_10"] = "changed by the other"
        other.save(mine)
        return merger.met[-1]


def _decode_and_encode(document: bytes) -> bytes:
    base, _, _ = (orjson.loads(document) for _ in range(3))
    return orjson.dumps(base)

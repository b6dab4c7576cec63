# SPDX-License-Identifier: Apache-2.0
"""Chains of saves that move parts about, and what must be stored after each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from sessionkit.records import SessionWrite
from sessionkit.testing.storage_samples import first, following

_NAMES = ("*", "a", "b")


def part_chains(
    chains: int, length: int
) -> Iterator[Iterator[tuple[SessionWrite, Mapping[str, bytes]]]]:
    """Yield chains of writes, each with all parts that are stored after it; always the same ones."""
    for number in range(chains):
        yield _chain(f"s{number}", random.Random(number), length)  # noqa: S311 - sample data


def _chain(
    session_id: str, chance: random.Random, length: int
) -> Iterator[tuple[SessionWrite, Mapping[str, bytes]]]:
    stored: dict[str, bytes] = {}
    for version in range(1, length + 1):
        names = chance.sample(_NAMES, chance.choice((0, 1, 1, 2, 3)))
        put = {name: f"{name}{version}".encode() for name in names}
        unnamed = [name for name in _NAMES if name not in put]
        remove = chance.sample(unnamed, chance.choice((0, 0, len(unnamed))))
        moved = {"last_activity": first().head.last_activity + version * chance.choice((0, 1))}
        for name in remove if version > 1 else ():
            stored.pop(name, None)
        stored |= put
        if version == 1:
            yield first(session_id, put, **moved), dict(stored)
        else:
            yield following(version, session_id, put=put, remove=remove, **moved), dict(stored)

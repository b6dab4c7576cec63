# SPDX-License-Identifier: Apache-2.0
"""Gives each changed value of an encoded session its stamp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import FIELDS, PlainPart, is_known
from sessionkit.errors import SerializationError
from sessionkit.merge.merge_parts import UNSTAMPED
from sessionkit.merge.stamps import LIFETIME, NONE, STAMPS, Tree, latest, marked, since
from sessionkit.session.forms import UNDO

_UNSTAMPED_PARTS: Final = frozenset(
    name for name, fields in FIELDS.items() if UNSTAMPED.issuperset(fields)
)

_LARGE: Final = 4_096
"""Bytes of stamps above which old ones are looked for."""


def read_stamps(codec: SessionCodec, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the stamps of a session's parts, each encoded, by part name."""
    data = parts.get(STAMPS)
    stamps = {} if data is None else _loaded(codec, data)
    return stamps if isinstance(stamps, dict) else {}


def read_tree(codec: SessionCodec, data: bytes | None) -> Tree:
    """Return the stamps of one part."""
    return NONE if data is None else _loaded(codec, data)


def _loaded(codec: SessionCodec, data: bytes) -> Any:  # noqa: ANN401 - whatever a store has
    try:
        return codec.serializer.loads(data)
    except (SerializationError, TypeError):
        return NONE  # they only say which of two changes was later: without them no value is lost


def write_tree(codec: SessionCodec, tree: Tree) -> bytes | None:
    """Return the stamps of one part, encoded; of many those that are far older than the latest are left out."""
    if tree == NONE:
        return None
    data = codec.serializer.dumps(tree)
    if len(data) > _LARGE:
        return codec.serializer.dumps(since(tree, latest(tree) - LIFETIME))
    return data


def write_stamps(
    codec: SessionCodec, parts: Mapping[str, bytes], stamps: Mapping[str, bytes]
) -> EncodedParts:
    """Return *parts* with these stamps."""
    written = dict(parts)
    written.pop(STAMPS, None)
    if stamps:
        written[STAMPS] = codec.serializer.dumps(dict(sorted(stamps.items())))
    return written


@attrs.define
class Stamper:
    """
    Stamps the changes of one session.

    Attributes:
        codec: Decodes what the parts were.
        before: The parts as they were last seen, with their stamps.
        now: Microseconds since the epoch.
    """

    codec: SessionCodec
    before: Mapping[str, bytes]
    now: int
    _stamps: dict[str, bytes | None] | None = None

    def note(self, name: str, part: PlainPart) -> None:
        """Take a part that is not what it was; noting it again is fine."""
        if name in _UNSTAMPED_PARTS or name.startswith(UNDO):
            return
        stamps = self._known()
        data = self.before.get(name)
        was = None if data is None else self.codec.decode_part(name, data)
        fields = {field: part[field] for field in part if field not in UNSTAMPED}
        tree = marked(was, fields, read_tree(self.codec, stamps.get(name)), self.now)
        stamps[name] = write_tree(self.codec, tree)

    def stamped(self, parts: EncodedParts) -> EncodedParts:
        """Return the parts as they are now, with the stamps of all that was noted."""
        gone = [name for name in self.before if name not in parts and is_known(name)]
        if self._stamps is None and not gone:
            return parts
        stamps = self._known()
        kept = {name: data for name, data in stamps.items() if data and name in parts}
        return write_stamps(self.codec, parts, kept)

    def _known(self) -> dict[str, bytes | None]:
        if self._stamps is None:
            self._stamps = dict(read_stamps(self.codec, self.before))
        return self._stamps


def stamp_changes(
    codec: SessionCodec, before: Mapping[str, bytes], after: EncodedParts, now: int
) -> EncodedParts:
    """
    Return a session's parts with stamps for what changed in them.

    Args:
        codec: Decodes the parts that changed.
        before: The parts as they were last seen, with their stamps.
        after: The parts as they are.
        now: Microseconds since the epoch.
    """
    stamper = Stamper(codec, before, now)
    for name, data in after.items():
        if before.get(name) != data and is_known(name):
            stamper.note(name, codec.decode_part(name, data))
    return stamper.stamped(after)

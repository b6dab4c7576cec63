# SPDX-License-Identifier: Apache-2.0
"""What a save falls back to where a value can't be encoded: its last value that could be, or none; all else is kept."""

from __future__ import annotations

from typing import Any, Final

import attrs

from sessionkit.encoding.parts import EXTENSION, PlainPart, path_of, unreadable_fields
from sessionkit.errors import SerializationError, repr_of, shown
from sessionkit.serializer import Serializer
from sessionkit.session.unreadable import RECORD_IDS
from sessionkit.values import MAX_DEPTH
from sessionkit.values.dicts import DICT_TYPES, dict_like
from sessionkit.values.extent import holds_too_much, too_much

# The app's values may be anything, here as everywhere.
# ruff: noqa: ANN401

_MISSING: Final = object()


@attrs.frozen
class Fallback:
    """
    Keeps of plain data what can be kept; what can't has its value of before, or goes.

    Attributes:
        serializer: Says what can be kept.
        refused: Gets an error for each value that can't.
        most: How much one may hold; None where none of them holds more than that.
    """

    serializer: Serializer
    refused: list[SerializationError]
    most: int | None = None

    def part(self, name: str, part: PlainPart, before: PlainPart) -> PlainPart:
        """
        Return what can be kept of a part.

        Args:
            name: The part's name.
            part: Its fields.
            before: Its fields as they were last kept; empty when they never were.
        """
        wrong = unreadable_fields(name, part)
        self.refused.extend(wrong.values())
        kept = {
            field: before.get(field, _MISSING)
            if field in wrong
            else self._field(name, field, value, before.get(field, _MISSING))
            for field, value in part.items()
        }
        return _present(kept)

    def _field(self, name: str, field: str, value: Any, before: Any) -> Any:
        path = path_of(name, field)
        if field in RECORD_IDS:
            return self._records(value, before, path, RECORD_IDS[field])
        # The one field of an extension is a value itself; the others hold values by their names.
        holder = {field: value} if name.startswith(EXTENSION) else {}
        return self._value(value, before, path, (holder,))

    def _records(self, records: list[Any], before: Any, path: str, ident: str) -> list[Any]:
        known = before if isinstance(before, list) else []
        earlier = {record.get(ident): record for record in known}
        kept = [
            self._record(record, earlier.get(record.get(ident), {}), f"{path}[{place}]")
            for place, record in enumerate(records)
        ]
        return [record for record in kept if record is not _MISSING]

    def _record(self, record: PlainPart, before: PlainPart, path: str) -> Any:
        fields = {
            field: self._value(value, before.get(field, _MISSING), f"{path}.{field}", ({}, {}, {}))
            for field, value in record.items()
        }
        return _MISSING if _MISSING in fields.values() else fields

    def _value(self, value: Any, before: Any, path: str, outer: tuple[Any, ...]) -> Any:
        """Return what can be kept of a value that lies in *outer*, dicts and lists."""
        if any(value is around for around in outer):
            self.refused.append(SerializationError("it holds itself; store it flat", path))
            return before
        error = self._why_not(value, len(outer))
        if error is None:
            return value
        if (
            len(outer) < MAX_DEPTH
            and self._takes_entries(value)
            and not self._branches(value, outer)
        ):
            return dict_like(value, self._entries(value, before, path, (*outer, value)))
        self.refused.append(SerializationError(error.reason, path + error.path))
        return before

    def _entries(
        self, entries: dict[Any, Any], before: Any, path: str, outer: tuple[Any, ...]
    ) -> dict[Any, Any]:
        earlier = before if isinstance(before, dict) else {}
        kept = {
            key: self._value(value, earlier.get(key, _MISSING), f"{path}[{repr_of(key)}]", outer)
            for key, value in entries.items()
            if self._takes_key(key, path)
        }
        return _present(kept)

    def _takes_entries(self, value: Any) -> bool:
        """Return whether a value is a dict that can be kept with other entries: it stays of its kind."""
        return type(value) in DICT_TYPES and self._why_not(dict_like(value, {}), 0) is None

    def _branches(self, value: dict[Any, Any], outer: tuple[Any, ...]) -> bool:
        """Return whether a value that is a dict holds too much, and not by one of its entries alone."""
        if self.most is None or not any(outer) or not holds_too_much(value, self.most):
            return False
        wide = [one for one in value.values() if holds_too_much(one, self.most)]
        return len(wide) != 1

    def _takes_key(self, key: Any, path: str) -> bool:
        error = self._why_not({key: None}, 0)
        if error is not None:
            self.refused.append(SerializationError(error.reason, f"{path}: key {shown(key)}"))
        return error is None

    def _why_not(self, value: Any, depth: int) -> SerializationError | None:
        """Return why a value can't be kept *depth* levels deep, or None."""
        if self.most is not None and holds_too_much(value, self.most):
            return too_much(self.most)
        for _ in range(depth):
            value = [value]
        try:
            self.serializer.dumps(value)
        except SerializationError as error:
            return SerializationError(error.reason, error.path.removeprefix("[0]" * depth))
        return None


def _present(fields: dict[Any, Any]) -> dict[Any, Any]:
    return {field: value for field, value in fields.items() if value is not _MISSING}

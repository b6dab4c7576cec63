# SPDX-License-Identifier: Apache-2.0
"""Conflicts for the strategy suite: what two writers did to one session."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import attrs

from sessionkit.conflict import Conflict
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.encoding.parts import to_parts
from sessionkit.merge.fields import conflict_of
from sessionkit.merge.merger import Merger
from sessionkit.session.session import UserSession
from sessionkit.values import to_tagged

ID: Final = "s"
OWNER: Final = "https://issuer.example|ada"
CODEC: Final = SessionCodec(
    serializer=MsgpackSerializer(),
    name="msgpack",
    others=lambda _: MsgpackSerializer(),
    max_bytes=sys.maxsize,
)
"""Encodes and decodes as a repository does, without its limits."""

_MANY: Final = 2_000

Change = Callable[[UserSession], object]


def encoded_conflict(
    session_id: str, base: EncodedParts | None, ours: EncodedParts, theirs: EncodedParts
) -> Conflict:
    """Return a conflict of encoded sides; what both changed they changed at the same time."""
    merged = Merger().encoded(CODEC, base, ours, theirs)
    return conflict_of(CODEC, session_id, base=base, ours=ours, theirs=theirs, merged=merged)


def encoded(session: UserSession) -> EncodedParts:
    """Return a session's parts, encoded."""
    return CODEC.encode(session, {}).parts


def content(session: UserSession) -> Any:  # noqa: ANN401 - plain data
    """Return what would be stored of a session: fields by part, as data that JSON knows."""
    return json.loads(json.dumps(to_tagged(to_parts(session)), sort_keys=True))


def fields(session: UserSession) -> dict[tuple[str, str], str]:
    """Return the same as JSON text, by part and field."""
    return {
        (part, field): json.dumps(value)
        for part, values in content(session).items()
        for field, value in values.items()
    }


@attrs.frozen
class Sample:
    """
    A conflict that can be met again and again.

    Attributes:
        base: The encoded session that both writers started from, or None when unknown.
        ours: Ours, encoded.
        theirs: Theirs, encoded.
    """

    base: EncodedParts | None
    ours: EncodedParts
    theirs: EncodedParts

    def conflict(self) -> Conflict:
        """Return the conflict, with copies of its own."""
        return encoded_conflict(ID, self.base, self.ours, self.theirs)

    def without_base(self) -> Sample:
        """Return the conflict as it is met when nobody knows the base."""
        return attrs.evolve(self, base=None)

    def swapped(self) -> Sample:
        """Return the conflict as the other writer would have met it."""
        return attrs.evolve(self, ours=self.theirs, theirs=self.ours)


def rich() -> UserSession:
    """Return a session with something in each of its fields."""
    session = UserSession(
        session_id=ID,
        user_id=OWNER,
        authenticated=True,
        roles={"reader", "editor"},
        permissions={"read", "write"},
        inputs={"city": "Ghent", "size": (3, 4), "kept": {"nested": [1, {2}]}, "old": None},
        theme="dark",
        language="nl",
        timezone="Europe/Brussels",
        extensions={"neighbour": {"seen": 1}},
        unknown={"profile": {"of a newer release": 1}},
    )
    session.add_navigation("start", {"tab": 1})
    for form_id in ("address", "order"):
        form = session.get_form_state(form_id)
        form.data["name"] = "Ada"
        form.snapshot("named")
        session.mark_form_dirty(form_id)
    session.add_cache_key("rows", {"table"})
    return session


def _nothing(_: UserSession) -> None:
    pass


def _ours(session: UserSession) -> None:
    session.set_input("ours", 1)
    session.get_form_state("address").data["street"] = "Main"
    session.add_navigation("ours")
    session.add_cache_key("ours")
    session.inputs.pop("old")


def _theirs(session: UserSession) -> None:
    session.set_input("theirs", 2)
    session.get_form_state("order").data["count"] = 3
    session.get_form_state("theirs").data["new"] = True
    session.add_navigation("theirs")
    session.language = "fr"


def _same_fields(value: str) -> Change:
    def change(session: UserSession) -> None:
        session.set_input("city", value)
        session.theme = value
        session.get_form_state("address").data["name"] = value
        session.inputs["kept"]["nested"].append(value)

    return change


def _remove(session: UserSession) -> None:
    session.inputs.clear()
    session.form_states.clear()
    session.dirty_forms.clear()
    session.cache_keys.clear()
    session.cache_dependencies.clear()
    session.extensions.clear()


def _grant(session: UserSession) -> None:
    session.roles.add("admin")
    session.permissions.add("delete")


def _revoke(session: UserSession) -> None:
    session.roles.discard("editor")
    session.permissions.clear()


def _grow(name: str) -> Change:
    def change(session: UserSession) -> None:
        for number in range(_MANY):
            session.inputs[f"{name} {number}"] = [name, number]
            session.get_form_state(f"{name} {number % 20}").data[f"field {number}"] = name
        for number in range(90):
            session.add_navigation(f"{name} {number}")

    return change


_CHANGES: Final[dict[str, tuple[Change, Change]]] = {
    "nobody changed anything": (_nothing, _nothing),
    "only we did": (_ours, _nothing),
    "only they did": (_nothing, _theirs),
    "other things": (_ours, _theirs),
    "the same to the same": (_same_fields("Rome"), _same_fields("Rome")),
    "something else to the same": (_same_fields("Rome"), _same_fields("Oslo")),
    "we removed, they changed": (_remove, _theirs),
    "they removed, we changed": (_ours, _remove),
    "we granted, they revoked": (_grant, _revoke),
    "we revoked, they granted": (_revoke, _grant),
}

NAMES: Final = (*_CHANGES, "a session that was never stored")
"""What the two writers did, in a word."""


@cache
def sample(name: str) -> Sample:
    """Return the conflict of a name."""
    if name in _CHANGES:
        return _make_sample(rich(), *_CHANGES[name])
    return _make_sample(UserSession(session_id=ID), _ours_of_a_new_one, _theirs)


@cache
def big() -> Sample:
    """Return a conflict between sessions of thousands of values."""
    return _make_sample(rich(), _grow("ours"), _grow("theirs"))


def _ours_of_a_new_one(session: UserSession) -> None:
    session.user_id = OWNER
    session.set_input("ours", 1)


def _make_sample(base: UserSession, ours: Change, theirs: Change) -> Sample:
    start = encoded(base)
    sides = []
    for change in (ours, theirs):
        side = CODEC.decode(ID, start)
        change(side)
        sides.append(encoded(side))
    return Sample(start, *sides)

# SPDX-License-Identifier: Apache-2.0
"""
Field policies: what is stored where both writers changed one field.

A policy stands in the settings under a path, as users write it::

    [conflict.fields]
    "inputs.cart" = "union"
    "inputs.visits" = "sum"
    "state.Cart.lines" = "union"
    "forms.*.data" = "ours"
    theme = "theirs"

A path goes from a field of the session down into dicts; ``*`` stands for any
key, and a key with a dot in it is written in double quotes. What only one side
changed is taken from that side whatever the policy, but for ``sum``: two equal
changes of a number are two changes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeAlias

import attrs

from sessionkit.errors import ConfigError, suggest, text_of
from sessionkit.merge.rules import MISSING, Rule, changed, key_order, merge_value
from sessionkit.merge.stamps import NO_STAMPS, When
from sessionkit.session.forms import FormState
from sessionkit.values.dicts import dict_like, of_one_kind
from sessionkit.values.equality import same_stored
from sessionkit.values.extent import holds_too_much

# What a field holds may be anything, here as in a merge.
# ruff: noqa: ANN401

_LOGGER: Final = logging.getLogger("sessionkit")

ANY: Final = "*"
"""Stands for any key in a path."""

FORMS: Final = "forms"
"""What paths call ``UserSession.form_states``."""

Path: TypeAlias = tuple[str, ...]
"""The keys from a field of the session down."""

_DEEP: Final = ("inputs", "state", "extensions", "page_views", "cache_dependencies")

_FLAT: Final = (
    "theme",
    "language",
    "timezone",
    "max_history_size",
    "interaction_count",
    "dirty_forms",
    "navigation_history",
    "cache_keys",
    "roles",
    "permissions",
)

_WITHOUT_POLICY: Final = (
    "session_id",
    "user_id",
    "authenticated",
    "created_at",
    "last_activity",
    "cache_invalidations",
    "version",
)

_FORM_FIELDS: Final = tuple(
    str(field.alias)
    for field in attrs.fields(FormState)
    if field.init and field.alias not in {"form_id", "saved_data", "unknown"}
)

_DEEP_FORM_FIELDS: Final = ("data", "errors")
_SEGMENT: Final = re.compile(r'"(?P<quoted>[^"]+)"|(?P<bare>[^."]+)')


def read_policies(
    fields: Mapping[str, str], where: Callable[[str], str] = lambda _: ""
) -> Policies:
    """
    Return the policies that settings name.

    Args:
        fields: Names of policies by path.
        where: Says who set a key.

    Raises:
        ConfigError: If a policy is unknown, or a path can't exist.
    """
    tree: dict[str, Any] = {}
    for path, name in fields.items():
        said = where(f"conflict.fields.{path}")
        keys = _parse_path(path, f"{said}: " if said else "")
        if name not in POLICIES:
            msg = f"{said and said + ': '}[conflict.fields] {path!r}: {name!r} is no policy; "
            raise ConfigError(msg + suggest(name, POLICIES))
        node = tree
        for key in keys:
            node = node.setdefault(key, {})
        node[""] = (name, path)
    return _build(tree)


def _build(tree: Mapping[str, Any]) -> Policies:
    name, path = tree.get("", ("", ""))
    below = {key: _build(node) for key, node in tree.items() if key}
    return Policies(POLICIES.get(name), below, f"the policy {name!r} of {path}")


@attrs.frozen
class Policies:
    """
    Rules by path.

    Attributes:
        rule: The rule of this place itself, or None.
        below: What is said of the keys below it.
        name: What the rule is called where it is told of.
    """

    rule: Rule | None = None
    below: Mapping[str, Policies] = attrs.field(factory=dict)
    name: str = ""

    @property
    def sums(self) -> bool:
        """Whether any policy here or below adds changes up."""
        return self.rule is _sum or any(place.sums for place in self.below.values())

    @property
    def joins(self) -> bool:
        """Whether any policy here or below makes one value of both sides', whoever was first."""
        return self.rule in _JOINING or any(place.joins for place in self.below.values())

    def joined(self, base: Any, ours: Any, theirs: Any) -> Any:
        """
        Return what a value becomes that is set where another one was seen.

        Args:
            base: What was seen by who sets it.
            ours: What they set.
            theirs: What there is.
        """
        if not self.joins or any(map(holds_too_much, (base, ours, theirs))):
            return ours  # to compare it might take for ever
        return self.merging()(base, ours, theirs, NO_STAMPS)

    def at(self, *path: str) -> Policies:
        """Return what is said of a place below this one; the key itself goes before ``*``."""
        place = self
        for key in path:
            place = place.below.get(key) or place.below.get(ANY) or _NO_POLICIES
        return place

    def merging(self, usual: Rule = merge_value) -> Rule:
        """Return the rule for this place; *usual* where nothing is said of it or of what is below."""
        rule = self.rule
        if rule is None:
            return self._merge_below if self.below else usual
        if rule is merge_value:
            return usual

        def decide(base: Any, ours: Any, theirs: Any, when: When = NO_STAMPS) -> Any:
            try:
                return rule(base, ours, theirs, when)
            except Exception as error:  # noqa: BLE001 - what values raise that are compared or added up is theirs
                if ours is not MISSING and theirs is not MISSING:
                    _LOGGER.warning(
                        "%s can't decide: %s; merged as usual", self.name, text_of(error)
                    )
                return usual(base, ours, theirs, when)

        return decide

    def _merge_below(self, base: Any, ours: Any, theirs: Any, when: When = NO_STAMPS) -> Any:
        if not of_one_kind(ours, theirs):
            return merge_value(base, ours, theirs, when)
        known = base if isinstance(base, dict) else {}
        merged = {}
        for key in key_order(known, ours, theirs, when):
            place = self.at(str(key))
            rule = place.merging()
            # A number that nobody had is zero; one of an unknown base is not known.
            absent = 0 if place.rule is _sum and isinstance(base, dict) else MISSING
            before = known.get(key, absent)
            sides = (before, ours.get(key, MISSING), theirs.get(key, MISSING))
            merged[key] = rule(*sides, when.at(key))
        kept = {key: value for key, value in merged.items() if value is not MISSING}
        return kept if type(ours) is dict else dict_like(ours, kept)


_NO_POLICIES: Final = Policies()

# -- what each policy does -----------------------------------------------------


def _ours(_: Any, ours: Any, __: Any, ___: When) -> Any:
    return ours


def _theirs(_: Any, __: Any, theirs: Any, ___: When) -> Any:
    return theirs


def _union(base: Any, ours: Any, theirs: Any, when: When) -> Any:
    """Keep what either side added to a list, and drop what either removed."""
    if isinstance(ours, set) and isinstance(theirs, set):
        return merge_value(base, ours, theirs, when)
    if not all(isinstance(side, list) for side in (ours, theirs)):
        _refuse_types("joins lists", ours, theirs)
    before = base if isinstance(base, list) else []
    kept = [item for item in ours if _among(item, theirs) or not _among(item, before)]
    added = [item for item in theirs if not _among(item, ours) and not _among(item, before)]
    return kept + added


def _among(item: Any, items: Sequence[Any]) -> bool:
    return any(same_stored(item, other) for other in items)


def _sum(base: Any, ours: Any, theirs: Any, _: When = NO_STAMPS) -> Any:
    """Add both changes of a number to what it was; the larger one when that is unknown."""
    before = 0 if base is MISSING else base
    if not all(_is_number(side) for side in (before, ours, theirs)):
        _refuse_types("adds up numbers", ours, theirs)
    return max(ours, theirs) if base is MISSING else ours + theirs - before


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _chosen_by(choose: Callable[[Any, Any], Any]) -> Rule:
    def rule(_: Any, ours: Any, theirs: Any, __: When) -> Any:
        return choose(ours, theirs)

    return rule


def _refuse_types(does: str, ours: Any, theirs: Any) -> NoReturn:
    msg = f"it {does}, and here are {type(ours).__name__} and {type(theirs).__name__}"
    raise TypeError(msg)


def _where_both_changed(rule: Rule) -> Rule:
    def decided(base: Any, ours: Any, theirs: Any, when: When = NO_STAMPS) -> Any:
        if same_stored(ours, theirs) or not changed(base, theirs, when.base, when.theirs):
            return ours
        if not changed(base, ours, when.base, when.ours):
            return theirs
        return rule(base, ours, theirs, when)

    return decided


POLICIES: Final[Mapping[str, Rule]] = {
    "merge": merge_value,
    "ours": _where_both_changed(_ours),
    "theirs": _where_both_changed(_theirs),
    "union": _where_both_changed(_union),
    "max": _where_both_changed(_chosen_by(max)),
    "min": _where_both_changed(_chosen_by(min)),
    "sum": _sum,
}
"""What each policy does with base, ours and theirs."""

_JOINING: Final = tuple(POLICIES[name] for name in ("union", "max", "min", "sum"))

# -- paths ---------------------------------------------------------------------


def _parse_path(path: str, said: str) -> Path:
    keys = _split_path(path, said)
    first, *rest = keys
    if first in _WITHOUT_POLICY:
        _refuse(said, path, f"{first} is never a matter of policy")
    if first == FORMS:
        _check_form(rest, path, said)
    elif first in _FLAT and rest:
        _refuse(said, path, f"{first} holds no dict to go into")
    elif first not in (*_FLAT, *_DEEP):
        _refuse(
            said, path, f"there is no field {first!r}; {suggest(first, (*_FLAT, *_DEEP, FORMS))}"
        )
    return keys


def _check_form(rest: Sequence[str], path: str, said: str) -> None:
    if len(rest) < 2:  # noqa: PLR2004 - a form and a field
        _refuse(said, path, "name a form, or *, and a field of it, such as forms.*.data")
    _, field, *deeper = rest
    if field not in _FORM_FIELDS:
        _refuse(said, path, f"a form has no field {field!r}; {suggest(field, _FORM_FIELDS)}")
    if deeper and field not in _DEEP_FORM_FIELDS:
        _refuse(said, path, f"{field} holds no dict to go into")


def _split_path(path: str, said: str) -> Path:
    keys = []
    end = 0
    while found := _SEGMENT.match(path, end):
        keys.append(found["quoted"] or found["bare"])
        end = found.end()
        if path[end : end + 1] != ".":
            break
        end += 1
    if end != len(path) or not keys or path.endswith("."):
        _refuse(said, path, 'keys are parted by dots; one with a dot in it stands in "quotes"')
    return tuple(keys)


def _refuse(said: str, path: str, why: str) -> NoReturn:
    msg = f"{said}[conflict.fields] {path!r}: {why}"
    raise ConfigError(msg)

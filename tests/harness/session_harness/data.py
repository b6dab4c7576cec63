# SPDX-License-Identifier: Apache-2.0
"""Arbitrary sessions and values for property tests, and codecs as a configuration makes them."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn

from hypothesis import strategies as st

from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.encoding.codec import SessionCodec
from sessionkit.errors import UnknownPluginError
from sessionkit.merge.merger import Merger
from sessionkit.serializer import Serializer
from sessionkit.session import UserSession
from sessionkit.session.forms import FormSnapshot, FormState
from sessionkit.session.session import NavigationEntry

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
KEYS = st.text(max_size=2) | st.integers()
KINDS_OF_DICT: list[Callable[[dict[Any, Any]], Any]] = [
    *(OrderedDict, Counter, partial(defaultdict, int), partial(defaultdict, list))
]
APP_VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(KEYS, inner, max_size=2)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers(), max_size=2)
        | st.sets(st.dates(), max_size=2)
        | st.dictionaries(KEYS, inner, max_size=2).flatmap(
            lambda held: st.sampled_from(KINDS_OF_DICT).map(lambda kind: kind(held))
        )
    ),
    max_leaves=3,
)
"""What an app may store, nested."""

LINKS: tuple[Callable[[Any], Any], ...] = (
    lambda inner: [inner, inner],
    lambda inner: {"a": inner, "b": inner},
    lambda inner: (inner, inner),
    lambda inner: {"a": [inner], "b": (inner, inner)},
)
"""How a value may hold another one more than once."""


def endless(link: Callable[[Any], Any], *, levels: int = 60, bottom: Any = 1) -> Any:
    """Return a value that is small in memory, and that nobody can write out or look through."""
    for _ in range(levels):
        bottom = link(bottom)
    return bottom


NAMES = st.sampled_from(["a", "b", "form:c"]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4
)
"""What forms, pages and plugins may be called."""

MOMENTS = st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
APP_DICTS = st.dictionaries(KEYS, APP_VALUES, max_size=2)
_SOME_UNKNOWN = st.dictionaries(
    st.sampled_from(["new_1", "new_2"]), APP_VALUES, min_size=1, max_size=1
)
UNKNOWN: st.SearchStrategy[dict[str, Any]] = st.builds(dict) | _SOME_UNKNOWN
SETS = st.sets(NAMES, max_size=2)

ENTRIES = st.builds(
    NavigationEntry, page=NAMES, params=APP_DICTS, timestamp=MOMENTS, unknown=UNKNOWN
)
SNAPSHOTS = st.builds(
    FormSnapshot,
    form_id=NAMES,
    data=APP_DICTS,
    timestamp=MOMENTS,
    description=NAMES,
    unknown=UNKNOWN,
)


def _forms(form_id: str) -> st.SearchStrategy[FormState]:
    return st.builds(
        FormState,
        form_id=st.just(form_id),
        data=APP_DICTS,
        errors=st.dictionaries(NAMES, st.lists(NAMES, max_size=1), max_size=1),
        last_saved=st.none() | MOMENTS,
        saved_data=APP_DICTS,
        auto_save=st.booleans(),
        save_debounce_ms=st.integers(0, 10_000),
        max_snapshots=st.integers(3, 20),
        snapshots=st.lists(SNAPSHOTS, max_size=2),
        redo_snapshots=st.lists(SNAPSHOTS, max_size=1),
        unknown=UNKNOWN,
    )


SESSIONS = st.builds(
    UserSession,
    session_id=st.just("s"),
    user_id=st.none() | NAMES,
    authenticated=st.booleans(),
    roles=SETS,
    permissions=SETS,
    inputs=APP_DICTS,
    form_states=st.sets(NAMES, max_size=2).flatmap(
        lambda ids: st.fixed_dictionaries({form_id: _forms(form_id) for form_id in ids})
    ),
    dirty_forms=SETS,
    navigation_history=st.lists(ENTRIES, max_size=2),
    page_views=st.dictionaries(NAMES, st.integers(1, 2**70), max_size=2),
    cache_keys=SETS,
    cache_dependencies=st.dictionaries(NAMES, SETS, max_size=2),
    cache_invalidations=st.dictionaries(NAMES, NAMES, max_size=2),
    interaction_count=st.integers(0, 2**70),
    theme=st.none() | NAMES,
    language=st.none() | NAMES,
    timezone=st.none() | NAMES,
    max_history_size=st.integers(3, 200),
    created_at=MOMENTS,
    extensions=st.dictionaries(NAMES, APP_VALUES, max_size=2),
    unknown=st.dictionaries(st.sampled_from(["profile", "inputs"]), _SOME_UNKNOWN, max_size=1),
)
"""Sessions with anything in them that a session may hold."""


def content(session: UserSession) -> dict[str, Any]:
    """Return what parts hold of a session; its last activity is in the head."""
    kept = session.to_dict()
    for field in ("last_activity", "version", "save_id"):
        del kept[field]
    return kept


def _no_other(name: str) -> NoReturn:
    msg = f"no serializer {name!r}"
    raise UnknownPluginError(msg)


def merge_sessions(
    base: UserSession | None, ours: UserSession, theirs: UserSession, merger: Merger | None = None
) -> UserSession:
    """Return what comes of merging three sessions; both sides changed theirs at the same time."""
    codec = make_codec()
    before, one, other = (
        None if side is None else codec.encode(side, {}).parts for side in (base, ours, theirs)
    )
    merged = (merger or Merger()).encoded(codec, before, one or {}, other or {})
    return codec.decode(ours.session_id, merged)


def make_codec(
    serializer: Serializer | None = None,
    *,
    name: str = "msgpack",
    others: Callable[[str], Serializer] = _no_other,
    max_bytes: int = 1 << 24,
) -> SessionCodec:
    """Return a codec; of MessagePack, without other serializers, when nothing is said."""
    chosen = MsgpackSerializer() if serializer is None else serializer
    return SessionCodec(serializer=chosen, name=name, others=others, max_bytes=max_bytes)

# SPDX-License-Identifier: Apache-2.0
"""Cached functions of a session: what was invalidated is computed anew, and nothing else."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from session_harness.data import make_codec

from sessionkit.encoding.parts import from_parts, to_parts
from sessionkit.merge.rules import RULES, merge_part
from sessionkit.session import UserSession
from sessionkit.session.caches import MOST
from sessionkit.values import Opaque


class Source:
    """Something that is slow to read, and a function that caches what it read."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self.reads: list[Any] = []

        @functools.lru_cache(maxsize=32)
        def read(*args: Any, **kwargs: Any) -> int:
            """Read it."""
            self.reads.append((args, kwargs))
            return len(self.reads)

        self.read = read


@pytest.fixture(name="source")
def _source() -> Source:
    return Source()


@pytest.fixture(name="session")
def _session() -> UserSession:
    return UserSession()


def test_a_value_is_kept_until_what_it_depends_on_is_invalidated(
    session: UserSession, source: Source
) -> None:
    """Then it is computed anew, once; so it is each time."""
    read = session.cached("orders of user", depends_on={"orders", "users"})(source.read)
    assert [1, 1] == [read("ada"), read("ada")]
    session.invalidate("stock")
    assert 1 == read("ada")
    for number, name in enumerate(("orders", "users", "orders"), start=2):
        session.invalidate(name)
        assert [number, number] == [read("ada"), read("ada")]
    assert [(("ada",), {})] * 4 == source.reads


def test_arguments_are_told_apart_as_before(session: UserSession, source: Source) -> None:
    """Each has its value, and gets none that it does not know."""
    read = session.cached("rows")(source.read)
    session.invalidate("rows")
    assert [1, 2, 3] == [read(1), read(2), read(1, name="x")]
    assert [1, 2, 3] == [read(1), read(2), read(1, name="x")]
    assert {"name": "x"} == source.reads[-1][1]


def test_a_function_that_is_tied_anew_at_each_rerun_keeps_its_values(
    session: UserSession, source: Source
) -> None:
    """A page ties it again and again; so does each session."""
    session.invalidate("orders")
    for one in (session, UserSession(), session):
        first = one.cached("orders")(source.read)()
        assert first == one.cached("orders")(source.read)()
    assert 2 == len(source.reads)


def test_what_another_session_invalidates_is_its_own_matter(source: Source) -> None:
    """Two users, one cache: neither makes the other compute, and neither gets what the other one holds as new."""
    one, other = (UserSession().cached, UserSession())
    read, others = one("orders")(source.read), other.cached("orders")(source.read)
    assert [1, 1] == [read(), others()]
    other.invalidate("orders")
    assert [1, 2] == [read(), others()]


def test_a_key_that_depends_on_another_follows_it(session: UserSession, source: Source) -> None:
    """Through keys that were tied and keys that were tracked, in circles too."""
    session.add_cache_key("totals", {"report", "rates"})
    session.cached("orders of user", depends_on={"orders"})(source.read)
    report = session.cached("report", depends_on={"orders of user", "totals"})(source.read)
    for number, name in enumerate(("orders", "orders of user", "rates", "totals", "report"), 1):
        session.invalidate(name)
        assert number == report()
    session.invalidate("users")
    assert 5 == report()


def test_dependencies_that_were_tracked_count(session: UserSession, source: Source) -> None:
    """Those of ``add_cache_key``, before or after; until they are tracked no longer."""
    read = session.cached("posts")(source.read)
    session.add_cache_key("posts", {"user"})
    session.invalidate("user")
    assert 1 == read()
    session.invalidate("user")
    assert 2 == read()


def test_invalidate_names_the_keys_that_it_concerns(session: UserSession, source: Source) -> None:
    """For a cache of the app's own, which drops them."""
    session.add_cache_key("posts", {"user", "posts of all"})
    session.add_cache_key("plain")
    session.cached("orders", depends_on={"user"})(source.read)
    assert {"posts", "orders"} == session.invalidate("user")
    assert {"posts", "plain"} == session.invalidate("plain", "posts")
    assert set() == session.invalidate("something else")


def test_a_version_changes_with_each_invalidation(session: UserSession) -> None:
    """For the keys of a cache of the app's own."""
    session.add_cache_key("posts", {"user"})
    assert "" == session.cache_version("posts")
    session.invalidate("other")
    assert "" == session.cache_version("posts")
    session.invalidate("user")
    first = session.cache_version("posts")
    session.invalidate("user")
    assert len({"", first, session.cache_version("posts")}) == 3
    assert "" == session.cache_version("plain")


def test_an_invalidation_is_something_done(session: UserSession) -> None:
    """One interaction; tying a function is none, and nothing that would be stored."""
    before = session.to_dict()
    session.cached("orders", depends_on={"user"})(functools.cache(int))
    assert before == session.to_dict()
    session.invalidate("orders", "user")
    assert 1 == session.interaction_count
    assert ["orders", "user"] == sorted(session.cache_invalidations.values())


def test_many_names_do_not_fill_the_session(session: UserSession, source: Source) -> None:
    """Who has a name for each order holds no more than so many: then everything is computed anew once."""
    read = session.cached("rows", depends_on={"order 0"})(source.read)
    session.invalidate("order 0")
    assert 1 == read()
    for number in range(MOST):
        session.invalidate(f"order {number}")
    assert [2, 2] == [read(), read()]
    for number in range(1, 2 * MOST):
        session.invalidate(f"order {number}")
        assert len(session.cache_invalidations) <= MOST
    seen = read()
    session.invalidate("order 0")
    assert read() != seen


# -- the function ---------------------------------------------------------------


def test_a_tied_function_is_what_it_was(session: UserSession, source: Source) -> None:
    """Its name, its docstring, what it was made of, and what its cache has of its own."""
    read: Any = session.cached("rows")(source.read)
    assert ("read", "Read it.") == (read.__name__, read.__doc__)
    session.invalidate("rows")
    read()
    assert 1 == read.cache_info().currsize
    read.cache_clear()
    assert 2 == read()
    with pytest.raises(AttributeError, match="no_such"):
        assert read.no_such


def test_a_method_is_called_with_its_object(session: UserSession) -> None:
    """As any method; each object has its own values."""

    class Orders:
        reads = 0

        @session.cached("orders")
        @functools.cache  # noqa: B019 - lives as long as the test
        def of(self, user: str) -> tuple[str, int]:
            Orders.reads += 1
            return (user, Orders.reads)

    one, other = Orders(), Orders()
    assert [("ada", 1), ("ada", 2), ("ada", 1)] == [one.of("ada"), other.of("ada"), one.of("ada")]
    session.invalidate("orders")
    assert [("ada", 3), ("ada", 3)] == [one.of("ada"), one.of("ada")]
    assert Orders.of is not None


def test_what_a_function_raises_is_raised(session: UserSession) -> None:
    """And not kept; what its cache says of arguments is said, too."""

    @session.cached("rows")
    @functools.cache
    def fail(_: Any) -> None:
        raise LookupError

    session.invalidate("rows")
    with pytest.raises(LookupError):
        fail(1)
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        fail([])


WRONG: dict[str, tuple[str, Callable[[UserSession], Any]]] = {
    "no key": ("a cache key is a str, such as 'orders', not <function", lambda s: s.cached(lambda: 1)),  # type: ignore[arg-type,misc]
    "a key that is a number": ("a cache key is a str, such as 'orders', not 5", lambda s: s.cached(5)),  # type: ignore[arg-type]
    "one dependency": ("a set of texts is needed, such as {'orders'}", lambda s: s.cached("k", depends_on="orders")),
    "a dependency that is a number": ("what a cache key depends on is a str", lambda s: s.cached("k", depends_on={5})),  # type: ignore[arg-type]
    "nothing": ("invalidate() takes the names of what changed", lambda s: s.invalidate()),
    "a set of names": ("what is invalidated is a str, such as 'orders', not {'a'}", lambda s: s.invalidate({"a"})),  # type: ignore[arg-type]
    "a function that doesn't cache": ("session.cached is for a function that caches, and plain does not", lambda s: s.cached("k")(plain)),
    "no function": ("session.cached is for a function that caches, and 5 does not", lambda s: s.cached("k")(5)),  # type: ignore[type-var]
}  # fmt: skip


def plain() -> int:
    """Cache nothing."""
    return 1


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_be_meant_is_refused(session: UserSession, name: str) -> None:
    """At its line, before anything is changed."""
    message, call = WRONG[name]
    with pytest.raises(TypeError) as caught:
        call(session)
    assert message in str(caught.value)
    assert {} == session.cache_invalidations


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.cached(""),
        lambda session: session.cached("k", depends_on={""}),
        lambda session: session.invalidate("orders", ""),
    ],
    ids=["key", "dependency", "invalidated"],
)
def test_no_name_is_empty(session: UserSession, call: Callable[[UserSession], Any]) -> None:
    """Which is what nobody means."""
    with pytest.raises(ValueError, match="is empty; it is a name, such as 'orders'"):
        call(session)
    assert {} == session.cache_invalidations


# -- what is stored -------------------------------------------------------------


def test_nothing_is_stored_until_something_is_invalidated(session: UserSession) -> None:
    """The stored part is to the byte what releases before have written."""
    codec = make_codec()
    before = codec.encode(session, {}).parts["cache"]
    assert {"cache_keys": [], "cache_dependencies": {}} == codec.serializer.loads(before)
    session.invalidate("orders")
    (one,) = session.cache_invalidations
    assert {"cache_keys": [], "cache_dependencies": {}, "cache_invalidations": {one: "orders"}} == (
        codec.serializer.loads(codec.encode(session, {}).parts["cache"])
    )


@pytest.mark.parametrize("whole", [True, False], ids=["all of it", "one"])
def test_an_invalidation_that_can_not_be_read_here_is_stored_again(*, whole: bool) -> None:
    """As it was, also where there is no other one."""
    unread = Opaque("enum", ["m.Name", "ORDERS"], "not registered")
    stored = unread if whole else {"x": unread}
    session = UserSession.from_dict({"cache_invalidations": stored})
    assert {} == session.cache_invalidations
    assert stored == to_parts(session)["cache"]["cache_invalidations"]
    assert stored == session.to_dict()["cache_invalidations"]


def test_a_release_that_knows_no_invalidations_keeps_and_merges_them() -> None:
    """It stands among what that release doesn't know; of two writers there both are kept."""
    told = {"cache": {"cache_invalidations": {"x": "orders"}}}
    parts = to_parts(UserSession(unknown=told))
    assert {"x": "orders"} == from_parts("s", parts).cache_invalidations

    older = {field: rule for field, rule in RULES.items() if field != "cache_invalidations"}
    base, ours, theirs = (
        to_parts(UserSession(cache_invalidations=held))["cache"]
        for held in ({"a": "orders"}, {"b": "orders"}, {"c": "orders"})
    )
    for rules in (older, RULES):
        merged = merge_part(base, ours, theirs, rules=rules)
        assert merged is not None
        assert {"b": "orders", "c": "orders"} == merged["cache_invalidations"]


def test_a_page_that_is_run_anew_leaves_no_function_behind(session: UserSession) -> None:
    """Each run makes the page's functions anew; what caches goes with the page, also where both names are in it."""
    page: dict[str, Any] = {"tie": session.cached("orders"), "lru_cache": functools.lru_cache}
    exec("@lru_cache\ndef read():\n    return 1\norders = tie(read)", page)  # noqa: S102 - as a page is run
    left = weakref.ref(page["read"])
    assert 1 == page["orders"]()
    page = {}
    gc.collect()

    assert left() is None


def test_a_function_around_a_tied_one_is_tied_for_itself(
    session: UserSession, source: Source
) -> None:
    """It has the other one's attributes, and not its values."""
    session.cached("rows")(source.read)()
    around = functools.lru_cache(functools.wraps(source.read)(lambda: "around"))
    assert "around" == session.cached("more")(around)()

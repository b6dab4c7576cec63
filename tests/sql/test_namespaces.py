# SPDX-License-Identifier: Apache-2.0
"""Several apps in one database: each has tables of its own, and what was stored without a namespace stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sessionkit.errors import ConfigError
from sessionkit.testing.storage_samples import first, following
from sessionkit_sqlite.schema import Tables
from sessionkit_sqlite.storage import SqlStorage

Opened = Callable[..., SqlStorage]
LONGEST = "n" * 32


def test_each_namespace_has_tables_of_its_own(storage: SqlStorage, opened: Opened) -> None:
    """Beside those of an app without one, in any order of setting up, and with the longest name."""
    storage.write(first(put={"a": b"1"}))
    for namespace in ("shop", LONGEST):
        other = opened(namespace=namespace)
        other.setup()
        other.setup()
        assert other.read("s") is None
        other.write(first(put={"a": namespace.encode()}))
        other.write(following(2, put={"b": b"2", "c": b"3"}))
        other.write_many([following(3, remove=["b"]), first("t")])
        stored = other.read("s")
        assert stored is not None
        assert {"a": namespace.encode(), "c": b"3"} == dict(stored.parts)

    stored = storage.read("s")
    assert stored is not None
    assert {"a": b"1"} == dict(stored.parts)


def test_tables_of_a_namespace_that_are_dropped_are_made_anew(
    server: Any, database: str, opened: Opened
) -> None:
    """Those of others are left alone."""
    other = opened(namespace="shop")
    other.setup()
    server.execute("DROP TABLE sessionkit_shop_part", database=database)

    other.write(first(put={"a": b"1", "b": b"2"}))

    stored = other.read("s")
    assert stored is not None
    assert {"a", "b"} == stored.parts.keys()


@pytest.mark.parametrize(
    "namespace", ["Shop", "1shop", "shop-2", "shop_", "_", "s" * 33, "a b", "sh\u00f6p", 5, None]
)
def test_a_namespace_is_one_on_every_database(namespace: object) -> None:
    """Whatever a database would fold, cut short or quote is refused."""
    with pytest.raises(ConfigError, match=r"namespace is .*; it can have up to 32 lower-case"):
        Tables(namespace)


def test_the_usual_names_stay() -> None:
    """What is stored today is found without a namespace, and no name is another namespace's."""
    usual, shop, odd = Tables(), Tables("shop"), Tables("session")

    assert ("sessionkit_session", "sessionkit_part") == tuple(table.name for table in usual.data)
    names = [
        name
        for tables in (usual, shop, odd)
        for name in (
            *(table.name for table in (*tables.data, tables.schema)),
            *(index.name for index in tables.indices),
        )
    ]
    assert len(names) == len(set(names))
    assert max(len(str(index.name)) for index in Tables(LONGEST).indices) <= 63

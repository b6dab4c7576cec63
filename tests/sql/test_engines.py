# SPDX-License-Identifier: Apache-2.0
"""Urls and numbers that no engine can be made of."""

from __future__ import annotations

import pytest

from sessionkit.errors import ConfigError
from sessionkit_sqlite.storage import SqlStorage


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("no url", r"\[storages.sql\] url is no database URL; one would be 'postgresql"),
        ("nosuch://host/db", r"SQLAlchemy knows no 'nosuch'"),
        ("postgresql+pygresql://host/db", r"SQLAlchemy knows no|install"),
        ("postgresql+asyncpg://host/db", r"asynchronous|pip install asyncpg"),
        ("sqlite://", r"name a file"),
    ],
)
def test_a_wrong_url_is_a_config_error(url: str, what: str) -> None:
    """The setting is named, and what would be right."""
    with pytest.raises(ConfigError, match=what):
        SqlStorage.open(url)


@pytest.mark.parametrize("keyword", ["timeout_ms", "pool_size"])
def test_a_wrong_number_is_a_config_error(keyword: str) -> None:
    """Zero and less are no time-outs and no pools."""
    with pytest.raises(
        ConfigError, match=rf"\[storages.sql\] {keyword} is 0; it must be 1 or more"
    ):
        SqlStorage.open("postgresql://host/db", **{keyword: 0})

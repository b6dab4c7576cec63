# SPDX-License-Identifier: Apache-2.0
"""Functions of ``st.cache_data``: tied to a session by ``session.cached``, they compute anew what it has invalidated."""

from __future__ import annotations

import importlib
from copy import copy
from functools import wraps
from typing import Any, Final

import streamlit as st

from sessionkit.session import has_version, with_versions, without_version
from sessionkit_streamlit.internals.guard import guarded

# Functions that Streamlit caches, and what they take and return.
# ruff: noqa: ANN401

CACHED: Final = "CachedFunc"
INFO: Final = "CachedFunc._info"
INFO_EFFECT: Final = "functions of session.cached compute each time what was invalidated once"


def know_cached_functions() -> None:
    """Have ``session.cached`` take functions of ``st.cache_data``."""

    def read() -> type[Any]:
        module = importlib.import_module("streamlit.runtime.caching.cache_utils")
        kind: type[Any] = module.CachedFunc
        return kind

    kind = guarded(read, CACHED, "one function more is listed in the metrics", otherwise=None)
    with_versions.register(kind or type(st.cache_data(know_cached_functions)), versioned)


def versioned(function: Any) -> Any:
    """
    Return a function that ``st.cache_data`` caches as it does another one, under the same settings, and that takes a version.

    Both have one cache: without a version they find each other's values, and what clears one clears the other.

    Args:
        function: A function that ``st.cache_data`` has made.

    Raises:
        TypeError: If it is one of ``st.cache_resource``.
    """

    def read() -> Any:
        info = copy(function._info)  # noqa: SLF001 - which Streamlit's release has fewer or more settings in
        if info.cache_type.name == "RESOURCE":
            return None
        info.func = without_version(info.func)
        anew = copy(function)
        anew._info = info  # noqa: SLF001 - as above
        return anew

    anew = guarded(read, INFO, INFO_EFFECT, otherwise=_uncached_versions(function))
    if anew is None:
        msg = (
            f"session.cached is for st.cache_data: what {function.__name__} makes is one for everybody, by st.cache_resource; "
            f"{function.__name__}.clear() lets go of it"
        )
        raise TypeError(msg)
    return anew


def _uncached_versions(function: Any) -> Any:
    """Return a function that caches what has no version, and computes each time what has one."""
    compute = without_version(function.__wrapped__)

    @wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        return (compute if has_version(kwargs) else function)(*args, **kwargs)

    call.clear = lambda *_args, **_kwargs: function.clear()  # type: ignore[attr-defined]
    return call

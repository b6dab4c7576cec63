# SPDX-License-Identifier: Apache-2.0
"""What the page's author did not mean: said on the page while it is developed, and in the log at all times."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import streamlit as st

from sessionkit_streamlit.notices.markdown import quote

_LOGGER: Final = logging.getLogger(__name__)

_NO_WIDGET: Final = (
    "persist_input({key}, ...) puts what a widget begins with over the value that was stored: no widget"
    " before it has the key {key}, so nothing was put back; give the widget this key=, and have"
    " bootstrap_session() called before the widget"
)
_TOO_LATE: Final = (
    "bootstrap_session() was called after the widgets with these keys, so their stored values"
    " can't be put back: {keys}; call it first in the script"
)
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def warn_of_no_widget(key: str) -> None:
    """Say that ``persist_input`` stored what a widget begins with, since none has the key."""
    _LOGGER.warning(_NO_WIDGET.format(key=repr(key)))
    if _is_developed():
        st.warning(_NO_WIDGET.format(key=quote(key)))


def warn_of_late_bootstrap(keys: Iterable[str]) -> None:
    """Say that ``bootstrap_session`` was called after widgets of these keys."""
    ordered = sorted(keys)
    _LOGGER.warning(_TOO_LATE.format(keys=", ".join(map(repr, ordered))))
    if _is_developed():
        st.warning(_TOO_LATE.format(keys=", ".join(map(quote, ordered))))


def _is_developed() -> bool:
    """Return whether whoever looks at the page writes it, as Streamlit's own menu for developers judges."""
    mode = st.get_option("client.toolbarMode")
    if mode != "auto":
        return bool(mode == "developer")
    return urlsplit(st.context.url or "").hostname in _HERE

# SPDX-License-Identifier: Apache-2.0
"""sessionkit for Streamlit: apps that survive refresh, restart and redeploy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sessionkit_streamlit.app import app_options
    from sessionkit_streamlit.notice import conflict_notice
    from sessionkit_streamlit.refreshing import refresh_fragment
    from sessionkit_streamlit.restore import persist
    from sessionkit_streamlit.saving import save_status
    from sessionkit_streamlit.status_wording import StatusTexts
    from sessionkit_streamlit.wording import NoticeTexts

__all__ = [
    "NoticeTexts",
    "StatusTexts",
    "app_options",
    "conflict_notice",
    "persist",
    "refresh_fragment",
    "save_status",
]

_HOMES: Final = {
    "NoticeTexts": "sessionkit_streamlit.wording",
    "StatusTexts": "sessionkit_streamlit.status_wording",
    "app_options": "sessionkit_streamlit.app",
    "conflict_notice": "sessionkit_streamlit.notice",
    "persist": "sessionkit_streamlit.restore",
    "refresh_fragment": "sessionkit_streamlit.refreshing",
    "save_status": "sessionkit_streamlit.saving",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """Import a public name when it is first asked for: Streamlit takes a second to load."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, too, before they are imported."""
    return sorted({*globals(), *_HOMES})

# SPDX-License-Identifier: Apache-2.0
"""sessionkit for Streamlit: apps that survive refresh, restart and redeploy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sessionkit_streamlit.browser.app import app_options
    from sessionkit_streamlit.notices.conflict_notice import NoticeTexts, conflict_notice
    from sessionkit_streamlit.notices.save_status import StatusTexts, save_status
    from sessionkit_streamlit.tabs.refresh_fragment import refresh_fragment
    from sessionkit_streamlit.widgets.restore import persist

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
    "NoticeTexts": "sessionkit_streamlit.notices.conflict_notice",
    "StatusTexts": "sessionkit_streamlit.notices.save_status",
    "app_options": "sessionkit_streamlit.browser.app",
    "conflict_notice": "sessionkit_streamlit.notices.conflict_notice",
    "persist": "sessionkit_streamlit.widgets.restore",
    "refresh_fragment": "sessionkit_streamlit.tabs.refresh_fragment",
    "save_status": "sessionkit_streamlit.notices.save_status",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """Import a public name when it is first asked for: Streamlit takes a second to load."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """List the public names, too, before they are imported."""
    return sorted({*globals(), *_HOMES})

# SPDX-License-Identifier: Apache-2.0
"""sessionkit for Streamlit: apps that survive refresh, restart and redeploy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sessionkit_streamlit.app import app_options
    from sessionkit_streamlit.restore import persist

__all__ = ["app_options", "persist"]

_HOMES: Final = {
    "app_options": "sessionkit_streamlit.app",
    "persist": "sessionkit_streamlit.restore",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """Import a public name when it is first asked for: Streamlit takes a second to load."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)

# SPDX-License-Identifier: Apache-2.0
"""sessionkit for Streamlit: apps that survive refresh, restart and redeploy."""

from __future__ import annotations

from importlib import import_module
from sys import modules
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # Kept, each has the signature that it has in Streamlit.
    from streamlit import checkbox as checkbox
    from streamlit import color_picker as color_picker
    from streamlit import data_editor as data_editor
    from streamlit import date_input as date_input
    from streamlit import datetime_input as datetime_input
    from streamlit import feedback as feedback
    from streamlit import multiselect as multiselect
    from streamlit import number_input as number_input
    from streamlit import pagination as pagination
    from streamlit import pills as pills
    from streamlit import radio as radio
    from streamlit import segmented_control as segmented_control
    from streamlit import select_slider as select_slider
    from streamlit import selectbox as selectbox
    from streamlit import slider as slider
    from streamlit import text_area as text_area
    from streamlit import text_input as text_input
    from streamlit import time_input as time_input
    from streamlit import toggle as toggle

    from sessionkit_streamlit.browser.app import app_options
    from sessionkit_streamlit.forms.form import Form, form
    from sessionkit_streamlit.forms.texts import FormTexts
    from sessionkit_streamlit.notices.conflict_notice import NoticeTexts, conflict_notice
    from sessionkit_streamlit.notices.device_list import DeviceTexts, devices
    from sessionkit_streamlit.notices.save_status import StatusTexts, save_status
    from sessionkit_streamlit.notices.share_links import (
        ShareTexts,
        open_share_link,
        share_button,
        share_link,
    )
    from sessionkit_streamlit.routes.route import Route
    from sessionkit_streamlit.routes.router import Router, RouterTexts, current_router, router
    from sessionkit_streamlit.tabs.refresh_fragment import refresh_fragment
    from sessionkit_streamlit.widgets.kept import kept
    from sessionkit_streamlit.widgets.named_keys import persist

__all__ = [
    "DeviceTexts",
    "Form",
    "FormTexts",
    "NoticeTexts",
    "Route",
    "Router",
    "RouterTexts",
    "ShareTexts",
    "StatusTexts",
    "app_options",
    "conflict_notice",
    "current_router",
    "devices",
    "form",
    "kept",
    "open_share_link",
    "persist",
    "refresh_fragment",
    "router",
    "save_status",
    "share_button",
    "share_link",
]

_HOMES: Final = {
    "DeviceTexts": "sessionkit_streamlit.notices.device_list",
    "Form": "sessionkit_streamlit.forms.form",
    "FormTexts": "sessionkit_streamlit.forms.texts",
    "NoticeTexts": "sessionkit_streamlit.notices.conflict_notice",
    "Route": "sessionkit_streamlit.routes.route",
    "Router": "sessionkit_streamlit.routes.router",
    "RouterTexts": "sessionkit_streamlit.routes.router",
    "ShareTexts": "sessionkit_streamlit.notices.share_links",
    "StatusTexts": "sessionkit_streamlit.notices.save_status",
    "app_options": "sessionkit_streamlit.browser.app",
    "conflict_notice": "sessionkit_streamlit.notices.conflict_notice",
    "current_router": "sessionkit_streamlit.routes.router",
    "data_editor": "sessionkit_streamlit.widgets.data_editor",
    "devices": "sessionkit_streamlit.notices.device_list",
    "form": "sessionkit_streamlit.forms.form",
    "kept": "sessionkit_streamlit.widgets.kept",
    "open_share_link": "sessionkit_streamlit.notices.share_links",
    "persist": "sessionkit_streamlit.widgets.named_keys",
    "refresh_fragment": "sessionkit_streamlit.tabs.refresh_fragment",
    "router": "sessionkit_streamlit.routes.router",
    "save_status": "sessionkit_streamlit.notices.save_status",
    "share_button": "sessionkit_streamlit.notices.share_links",
    "share_link": "sessionkit_streamlit.notices.share_links",
}

_WIDGETS: Final = "sessionkit_streamlit.widgets.kept"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    """
    Import a public name when it is first asked for: Streamlit takes a second to load.

    Its value widgets, kept, are those of the installed Streamlit.
    """
    if name.startswith("_"):
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        value = import_module(_WIDGETS).value_widget(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, too, before they are imported."""
    widgets = import_module(_WIDGETS).value_widgets() if "streamlit" in modules else ()
    return sorted({*globals(), *_HOMES, *widgets})

# SPDX-License-Identifier: Apache-2.0
"""Streamlit's inside moves: the app goes on, and one warning names what moved."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.elements import form
from streamlit.elements.lib import policies, utils
from streamlit.elements.widgets.slider import SliderMixin
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.runtime.session_manager import ActiveSessionInfo
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.session_state import SessionState
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from sessionkit_streamlit.internals import (
    command,
    element_ids,
    messages,
    page,
    rerun,
    state,
    widgets,
)
from sessionkit_streamlit.internals.guard import moved
from sessionkit_streamlit.internals.observe import install

Page = Callable[..., Path]

BOUND = SimpleNamespace(bind="query-params", deserializer=lambda _: 0, value_type="int_value")
"""A widget as it stands in the page's URL."""

USED = [
    ("streamlit.runtime.state.query_params", "QueryParams.get_initial_value"),
    ("streamlit.runtime.state.query_params", "QueryParams._set_corrected_value"),
    ("streamlit.runtime.state.session_state", "STREAMLIT_INTERNAL_KEY_PREFIX"),
    ("streamlit.runtime.state.session_state", "SessionState.register_widget"),
    ("streamlit.runtime.state.session_state", "SessionState.filtered_state"),
    ("streamlit.runtime.state.session_state", "SessionState._get_widget_metadata"),
    ("streamlit.runtime.state.session_state", "SessionState._get_widget_id"),
    ("streamlit.runtime.state.session_state", "WStates.get_serialized"),
    ("streamlit.runtime.state.session_state", "WStates.set_from_value"),
    ("streamlit.runtime.state.session_state", "WStates.set_widget_from_proto"),
    ("streamlit.runtime.state.session_state", "WStates.set_widget_metadata"),
    ("streamlit.runtime.state.session_state", "Value"),
    ("streamlit.runtime.state.session_state", "KeyIdMapper.get_id_from_key"),
    ("streamlit.runtime.runtime", "Runtime.get_client"),
    ("streamlit.runtime.context", "ContextProxy.cookies"),
    ("streamlit.runtime.scriptrunner_utils.thread_safe_set", "ThreadSafeSet.check_and_add"),
    ("streamlit.cursor", "RunningCursor.lock_element"),
    ("streamlit.proto.BidiComponent_pb2", "BidiComponent.JSON_FIELD_NUMBER"),
    ("streamlit.runtime.state.safe_session_state", "SafeSessionState.filtered_state"),
    ("streamlit.runtime.state.safe_session_state", "SafeSessionState.get_widget_states"),
    ("streamlit.runtime.state.common", "user_key_from_element_id"),
    ("streamlit.runtime.state.common", "GENERATED_ELEMENT_ID_PREFIX"),
    ("streamlit.runtime.state.session_state", "KeyIdMapper.id_key_mapping"),
    ("streamlit.runtime.scriptrunner_utils.thread_safe_set", "ThreadSafeSet.snapshot"),
    ("streamlit.elements.lib.policies", "check_session_state_rules"),
    ("streamlit.elements.lib.utils", "_compute_element_id"),
    ("streamlit.elements.form", "check_session_state_rules"),
    ("streamlit.elements.widgets.slider", "SliderMixin._slider"),
    ("streamlit.runtime.scriptrunner.script_runner", "ScriptRunner._on_script_finished"),
    ("streamlit.testing.v1.local_script_runner", "LocalScriptRunner._on_script_finished"),
    ("streamlit.runtime.scriptrunner_utils.script_run_context", "ThreadState.get"),
    ("streamlit.runtime.scriptrunner_utils.script_run_context", "ScriptRunContext.enqueue"),
    ("streamlit.proto.Block_pb2", "Block.Form.CLEAR_ON_SUBMIT_FIELD_NUMBER"),
    ("streamlit.proto.Button_pb2", "Button.IS_FORM_SUBMITTER_FIELD_NUMBER"),
    ("streamlit.proto.TextInput_pb2", "TextInput.FORM_ID_FIELD_NUMBER"),
    ("streamlit.config", "_main_script_path"),
    ("streamlit.runtime.caching.cache_utils", "CachedFunc"),
    ("streamlit.config", "get_config_options"),
    ("streamlit.runtime.secrets", "Secrets.load_if_toml_exists"),
    ("streamlit.runtime.runtime", "Runtime._get_async_objs"),
    (
        "streamlit.runtime.websocket_session_manager",
        "WebsocketSessionManager.get_active_session_info",
    ),
    ("streamlit.runtime.app_session", "AppSession.request_rerun"),
    ("streamlit.runtime.forward_msg_queue", "ForwardMsgQueue.is_empty"),
    ("streamlit", "_event"),
    ("streamlit", "_main"),
    ("streamlit.web.cli", "main_run.params"),
    ("streamlit.web.server.app_discovery", "discover_asgi_app"),
]


@pytest.mark.parametrize(("module", "name"), USED, ids=[f"{one}.{name}" for one, name in USED])
def test_streamlit_has_what_is_used(module: str, name: str) -> None:
    """A red test here says which name a release of Streamlit has moved."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        assert hasattr(found, part), f"this release of Streamlit has no {module}.{name}"
        found = getattr(found, part)


def test_the_state_of_a_run_has_what_is_used(browser: Any, page: Page) -> None:
    """The same for what only a run has."""
    body = (
        "from streamlit.runtime.scriptrunner import get_script_run_ctx\n"
        "ctx = get_script_run_ctx(suppress_warning=True)\n"
        "raw = ctx.session_state._state\n"
        "missing = [n for n in ('_old_state', '_new_session_state', '_new_widget_state', '_key_id_mapper') if not hasattr(raw, n)]\n"
        "missing += [n for n in ('widget_metadata',) if not hasattr(raw._new_widget_state, n)]\n"
        "missing += [n for n in ('_lock',) if not hasattr(ctx.session_state, n)]\n"
        "missing += [n for n in ('_has_script_started', 'shared', 'session_id', 'fragment_ids_this_run', 'user_info', 'query_string', '_enqueue') if not hasattr(ctx, n)]\n"
        "asked = ('fragment_id_queue', 'is_auto_rerun', 'widget_states')\n"
        "missing += [n for n in asked if not hasattr(ctx.script_requests._rerun_data, n)]\n"
        "missing += [n for n in ('widget_user_keys_this_run',) if not hasattr(ctx.shared, n)]\n"
        "st.text(missing)\n"
    )
    assert "[]" == browser.open(page(body)).run().text[0].value


def test_a_tab_of_the_server_has_what_is_used() -> None:
    """The same for what only a running server has."""
    for owner, names in (
        (Runtime, ("_session_mgr",)),
        (AppSession, ("_scriptrunner", "_browser_queue", "_client_state", "_session_state")),
        (ActiveSessionInfo, ("session",)),
    ):
        source = inspect.getsource(owner)
        assert [] == [name for name in names if not re.search(rf"\b{name}\b", source)]


@pytest.fixture
def unhooked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any, str], None]]:
    """Take a hook's place away; Streamlit's own functions are put back at the end."""
    for owner, name in (
        (SessionState, "register_widget"),
        (policies, "check_session_state_rules"),
        (utils, "_compute_element_id"),
        (form, "check_session_state_rules"),
        (SliderMixin, "_slider"),
        (ScriptRunContext, "enqueue"),
        (ScriptRunner, "_on_script_finished"),
        (LocalScriptRunner, "_on_script_finished"),
    ):
        present = vars(owner)[name]
        monkeypatch.setattr(owner, name, getattr(present, "__wrapped__", present))

    def rename(owner: Any, name: str) -> None:
        original = vars(owner)[name]
        monkeypatch.delattr(owner, name)
        monkeypatch.setattr(owner, f"{name}_moved", original, raising=False)

    return rename


class _Nothing:
    """Observes nothing."""

    def __getattr__(self, _: str) -> Any:
        return lambda *_args, **_more: None


@pytest.mark.parametrize(
    ("owner", "name", "said"),
    [
        (SessionState, "register_widget", "SessionState.register_widget"),
        (policies, "check_session_state_rules", "policies.check_session_state_rules"),
        (SliderMixin, "_slider", "SliderMixin._slider"),
        (utils, "_compute_element_id", "utils._compute_element_id"),
        (ScriptRunContext, "enqueue", "ScriptRunContext.enqueue"),
    ],
)
def test_a_missing_hook_is_named(
    caplog: pytest.LogCaptureFixture,
    unhooked: Callable[[Any, str], None],
    owner: Any,
    name: str,
    said: str,
) -> None:
    """The warning names the attribute, and comes once."""
    moved.cache_clear()
    unhooked(owner, name)
    observer: Any = _Nothing()
    assert install(observer)
    install(observer)
    assert 1 == caplog.text.count(f"{said} as expected")


def test_without_the_end_hook_the_next_run_captures(
    browser: Any,
    page: Page,
    caplog: pytest.LogCaptureFixture,
    unhooked: Callable[[Any, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end of a run can't be seen: what it changed is taken when the next run begins."""
    unhooked(ScriptRunner, "_on_script_finished")
    monkeypatch.setattr(
        ScriptRunner, "_on_script_finished_moved", lambda *_args, **_more: None, raising=False
    )
    assert LocalScriptRunner._on_script_finished
    tab = browser.open(page("persist('city')\nst.text_input('City', key='city')\n")).run()
    tab.text_input(key="city").set_value("Ghent").run()
    assert "ScriptRunner._on_script_finished as expected" in caplog.text
    tab.run()
    assert {"city": "Ghent"} == browser.session().inputs


def test_without_the_hidden_prefix_keys_are_plain(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Entries are then listed, and nothing else changes."""
    moved.cache_clear()
    monkeypatch.delattr("streamlit.runtime.state.session_state.STREAMLIT_INTERNAL_KEY_PREFIX")
    assert "_sessionkit_x" == state.hidden("_sessionkit_x")
    assert "STREAMLIT_INTERNAL_KEY_PREFIX" in caplog.text


@pytest.mark.parametrize(
    ("read", "fallback", "named"),
    [
        (lambda: widgets.sent_keys(object()), set(), "get_widget_states"),  # type: ignore[arg-type]
        (lambda: widgets.at_default(object(), "x", 1), False, "_get_widget_metadata"),  # type: ignore[arg-type]
        (lambda: widgets.in_url(object(), BOUND, "x"), False, "get_initial_value"),
        (lambda: widgets.show_in_url(object(), BOUND, "x", 1), None, "_set_corrected_value"),
        (lambda: widgets.begins_with(object(), 1), False, "_new_widget_state"),  # type: ignore[arg-type]
        (lambda: state.peek(object(), "x"), None, "SafeSessionState._state"),  # type: ignore[arg-type]
        (lambda: state.entry({}, "x"), None, "_new_session_state"),
        (lambda: state.unplug(object(), "x"), None, "_new_session_state"),
        (lambda: state.adopt(object(), object(), "x"), None, "_old_state"),
        (lambda: element_ids.sent_era(object()), 0, "get_widget_states"),  # type: ignore[arg-type]
        (lambda: element_ids.has_drawn(object()), False, "ScriptRunContext.shared"),  # type: ignore[arg-type]
        (lambda: element_ids.forget_widgets(object()), False, "SessionState._key_id_mapper"),  # type: ignore[arg-type]
        (lambda: page.mountable(object(), "x"), True, "ScriptRunContext.shared"),  # type: ignore[arg-type]
        (lambda: page.is_placed(object(), "x"), False, "ScriptRunContext.shared"),  # type: ignore[arg-type]
        (lambda: page.fragments_of(object()), [], "ScriptRunContext.fragment_ids_this_run"),  # type: ignore[arg-type]
        (lambda: page.leave_out_of_address(object(), "x"), None, "ScriptRunContext.query_string"),  # type: ignore[arg-type,func-returns-value]
        (lambda: messages.part_of(object()), None, "ForwardMsg.delta"),
        (lambda: messages.is_pressed(object(), "x"), False, "_new_widget_state"),  # type: ignore[arg-type]
        (lambda: rerun.request_of(object()), None, "ScriptRequests._rerun_data"),  # type: ignore[arg-type]
        (lambda: rerun.of_script(object()), True, "RerunData.fragment_id_queue"),
        (lambda: rerun.by_timer(object()), False, "RerunData.is_auto_rerun"),
        (lambda: rerun.by_browser(object()), False, "RerunData.widget_states"),
    ],
)
def test_each_look_inside_has_a_fall_back(
    caplog: pytest.LogCaptureFixture, read: Callable[[], Any], fallback: Any, named: str
) -> None:
    """An object without the attribute stands for a release that moved it."""
    moved.cache_clear()
    assert fallback == read()
    assert named in caplog.text


def test_without_streamlits_command_there_are_no_options(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """``sessionkit run`` still runs; settings then come from the file."""
    moved.cache_clear()
    monkeypatch.setitem(sys.modules, "streamlit.web.cli", None)
    monkeypatch.setitem(sys.modules, "streamlit.web.server.app_discovery", None)
    monkeypatch.delattr("streamlit.config.get_config_options")
    assert not command.load_secrets(tmp_path / "page.py", {})
    assert [] == command.run_options()
    assert not command.holds_app(tmp_path / "page.py")
    assert "web.cli.main_run" in caplog.text


def test_without_ids_of_ours_the_page_of_an_ended_session_is_loaded_anew(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its browser holds can't be told from the next session's: nothing of the page is kept."""
    monkeypatch.setattr("sessionkit_streamlit.host.gives_ids", lambda: False)
    body = "persist('city')\nst.text_input('City', key='city')\n"
    tab = browser.open(page(body + "st.button('bye', key='bye', on_click=end_session)\n")).run()
    tab.text_input(key="city").set_value("secret")
    tab.button(key="bye").click().run()
    assert told[-1]["leave"]
    assert not tab.text_input


@pytest.mark.parametrize("text", ["Ghent", "", "Gänt"])
@pytest.mark.parametrize(
    "received",
    [lambda sent: sent, lambda sent: sent and sent[:2], lambda sent: sent and sent[9]],
    ids=["as it is", "shortened", "refused"],
)
def test_text_is_judged_as_if_it_were_sent(
    received: Callable[[Any], Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that takes a text as it is need not be sent it to find that out; all others are."""
    widget: WidgetMetadata[Any] = WidgetMetadata(
        "$$ID-1-city", received, lambda own: own, "string_value"
    )

    found = widgets.take(widget, text)
    monkeypatch.setattr(widgets, "_is_plain_text", lambda *_: False)

    assert widgets.take(widget, text) == found

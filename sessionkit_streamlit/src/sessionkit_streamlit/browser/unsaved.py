# SPDX-License-Identifier: Apache-2.0
"""
What only the browser holds: it asks before that is lost.

That are fields of a form with ``batch=True`` that were changed and not handed in, and a text that is still being
typed. The browser alone knows of them, so a script there looks when the page is about to go: nothing is
sent for it, and nothing is drawn. A page says by the keys of its containers what is to be looked at.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from html import escape
from typing import TYPE_CHECKING, Final

import streamlit as st

from sessionkit_streamlit.internals.page import aside, is_placed

if TYPE_CHECKING:
    from streamlit.runtime.scriptrunner import ScriptRunContext

BATCH: Final = "sessionkit-batch"
"""Ends the key of a container with fields that are handed in together."""

TYPED: Final = "sessionkit-typed"
"""Ends the key of one whose fields are each sent when it is left."""

SENT: Final = "sessionkit-sent"
"""Ends the key of one with a field that is sent while it is typed into (``live=``)."""

UNWATCHED: Final = "sessionkit-form"
"""Ends the key of one with a form that nobody is asked about."""

NOT_STORED: Final = "sessionkit-not-stored"
"""Ends the key of one that is on the page while what the server has is not stored."""

SCRIPT: Final = """
function guardUnsaved(S) {
  if (S.guarded) return;
  S.guarded = true;
  const within = (end) => `[class*="-${end}"]`;
  const BATCH = within("sessionkit-batch"), TYPED = within("sessionkit-typed");
  const TEXT = '[data-testid="stTextInput"] input, [data-testid="stNumberInput"] input, [data-testid="stTextArea"] textarea';
  const NAVIGATION = '[data-testid^="stSidebarNav"] a, [data-testid^="stTopNav"] a, a[data-testid^="stTopNav"], [data-testid="stPageLink"] a';
  const WORDS = "What you have filled in here is not sent yet. Leave this page without it?";
  const SAID = ["aria-checked", "aria-pressed", "aria-selected", "aria-valuenow", "kind"];
  const FIELD = '[data-testid="stElementContainer"]';
  const began = new Map(); // what a field held when its user touched it first
  let typed = null; // the text field that has the focus, and what was sent of it

  const content = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches('[data-testid="InputInstructions"], svg')) return "";
    const own = [node.value, node.checked, ...SAID.map((name) => node.getAttribute(name))];
    const inner = [...node.childNodes].map(content);
    return [...own.map((one) => String(one ?? "")), ...inner].filter(Boolean).join("|");
  };
  const isChanged = (field) => field.isConnected && began.get(field) !== content(field);
  const isBatchChanged = () => [...began.keys()].some(isChanged);
  const isTyping = () => typed && typed.field.isConnected && typed.field.value !== typed.sent;
  const isStored = () => !document.querySelector(within("sessionkit-not-stored"));
  const sends = (event) => {
    const field = event.target;
    return event.key === "Enter" && field.matches?.(TEXT) && (field.tagName === "INPUT" || event.ctrlKey || event.metaKey);
  };

  const begin = (event) => {
    const touched = event.target.closest?.(BATCH) && event.target.closest(FIELD);
    if (touched && !began.has(touched)) began.set(touched, content(touched));
  };
  const end = (form) => {
    for (const field of began.keys()) if (form?.contains(field)) began.delete(field);
  };
  const forgetUnchanged = () => { // a button may put other values there
    for (const field of began.keys()) if (!isChanged(field)) began.delete(field);
  };
  for (const name of ["pointerdown", "focusin"]) addEventListener(name, begin, true);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey) forgetUnchanged(); // it may press one
    if (typed && event.target.type === "number" && ["ArrowUp", "ArrowDown"].includes(event.key))
      setTimeout(() => { if (typed) typed.sent = typed.field.value; }); // a step is sent at once
    if (!sends(event)) return;
    end(event.target.closest(BATCH));
    if (typed) typed.sent = typed.field.value;
  }, true);
  addEventListener("focusin", (event) => {
    const field = event.target;
    const isTyped = field.matches?.(TEXT) && field.closest(TYPED) && !field.closest(within("sessionkit-sent"));
    typed = isTyped ? { field, sent: field.value } : null;
  }, true);
  addEventListener("focusout", () => { typed = null; }, true); // it is sent now
  addEventListener("click", (event) => {
    const link = event.target.closest?.(NAVIGATION);
    if (link && isBatchChanged()) {
      const words = document.querySelector("[data-sessionkit-leave]")?.dataset.sessionkitLeave;
      if (!confirm(words || WORDS)) {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
    }
    const button = event.target.closest?.('[data-testid="stFormSubmitButton"] button');
    if (button) end(button.closest(BATCH));
    else if (event.target.closest?.('[data-testid="stButton"]')) forgetUnchanged();
  }, true);
  addEventListener("beforeunload", (event) => {
    if (!S.leaving && (isBatchChanged() || isTyping() || !isStored())) event.preventDefault();
  });
}
"""

LEAVE: Final = "What you have filled in here is not sent yet. Leave this page without it?"
"""What the script asks before another page is shown, where the page says nothing else."""


def key_of(name: str, kind: str) -> str:
    """Return the key of a container, as :func:`watched` has its arguments."""
    return f"{name} {kind}"


def watched(run: ScriptRunContext | None, name: str, kind: str) -> AbstractContextManager[object]:
    """
    Return a container whose content the browser looks after.

    Args:
        run: The run's context; None outside of Streamlit's runs.
        name: What tells it from others on the page.
        kind: ``BATCH``, ``TYPED``, ``SENT``, ``UNWATCHED`` or ``NOT_STORED``.
    """
    key = key_of(name, kind)
    # The second one of that name is one without: Streamlit takes a key but once.
    return st.container(key=None if run is None or is_placed(run, key) else key)


def say(words: str) -> None:
    """Have the browser ask in other words than those of the script."""
    if words != LEAVE:
        aside().html(f'<span data-sessionkit-leave="{escape(words)}"></span>')

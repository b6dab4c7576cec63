# SPDX-License-Identifier: Apache-2.0
"""Nothing private is in a copy of a session that somebody shares, whatever the session holds; SQLite's own file tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionkit import SessionManager, bootstrap_session, load_settings
from sessionkit.session.privacy import NEVER, Privacy

CANARY: Final = "canary-"
PRIVATE: Final = ("password", "API_KEY", "my_secret", "iban", "Iban", "margin_2")
NAMES: Final = ("city", "note", "max_tokens", "order", "days", *PRIVATE)
RULES: Final = Privacy(NEVER).extended(["iban", "margin*"])

numbers = st.integers(0, 9)
values = st.recursive(
    numbers | st.text("abc", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
fields = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)


def marked(value: Any, *, private: bool = False) -> Any:
    """Put a canary in all that stands under a private name."""
    if isinstance(value, dict):
        return {
            name: marked(one, private=private or RULES.covers(name)) for name, one in value.items()
        }
    if isinstance(value, list):
        return [marked(one, private=private) for one in value]
    return f"{CANARY}{value}" if private else value


def public(value: Any) -> Any:
    """Return what others may see of a value, by a way of its own."""
    if isinstance(value, dict):
        return {name: public(one) for name, one in value.items() if not RULES.covers(name)}
    return [public(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(name="open_manager", scope="module")
def _open_manager(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], SessionManager]:
    """Return a function that begins another script, with a session of its own, over one store."""
    folder = tmp_path_factory.mktemp("store")

    def open_manager() -> SessionManager:
        return SessionManager(
            load_settings(
                storage="sqlite",
                storages={"sqlite": {"url": f"sqlite:///{folder / 'sessions.db'}"}},
                security={"secret_key": "a secret for tests only", "folder": folder},
                privacy={"never_also": ["iban"]},
            )
        )

    return open_manager


@settings(max_examples=25, deadline=None)
@given(inputs=fields, data=fields, before=fields, state=fields)
def test_nothing_private_is_in_a_copy(
    open_manager: Callable[[], SessionManager], inputs: Any, data: Any, before: Any, state: Any
) -> None:
    """Inputs, forms and typed state come over, but for what the settings, the session and the link leave out."""
    with open_manager() as sharer:
        session = bootstrap_session()
        session.inputs.update(marked(inputs))
        form = session.get_form_state("order")
        form.data = {**marked(before), "slip": CANARY}
        form.snapshot()
        form.data = marked(data)
        form.errors["city"] = [CANARY]
        session.extensions["state:Cart"] = marked(state)
        session.extensions["other"] = {"seen": CANARY}
        session.add_navigation(CANARY, {"of": CANARY})
        session.leave_out("order_9")
        copy = sharer.share(leave_out=["margin*"])
        stored = sharer.storage.read(copy.copy_id)
        assert stored is not None
        assert not any(CANARY.encode() in part for part in stored.parts.values())
    assert copy.token is not None
    with open_manager() as opener:
        mine = bootstrap_session()
        assert opener.open_copy(copy.token)
        assert public(inputs) == mine.inputs
        order = mine.form_states.get("order")
        assert public(data) == ({} if order is None else order.data)
        assert public(state) == mine.extensions["state:Cart"]
        assert CANARY not in repr(mine.to_dict())

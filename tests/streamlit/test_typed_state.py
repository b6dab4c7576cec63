# SPDX-License-Identifier: Apache-2.0
"""session.state on a page: what a rerun changes is kept, with no other call."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sessionkit import SessionManager, load_settings
from sessionkit.manager import default_manager

PAGE = """
import streamlit as st
{imports}
from sessionkit import bootstrap_session

{classes}

session = bootstrap_session()
cart = session.state(Cart)
if st.button("Add"):
    cart.lines.append(Line(sku="tea"))
if st.button("More"):
    cart.lines[0].amount += 1
st.text(",".join(f"{{line.sku}} {{line.amount}}" for line in cart.lines))
"""

IN_A_MODULE = {
    "imports": "from session_harness.carts import DataCart as Cart, DataLine as Line",
    "classes": "",
}
DATACLASSES = {
    "imports": "from dataclasses import dataclass, field",
    "classes": """
@dataclass
class Line:
    sku: str = ""
    amount: int = 1

@dataclass
class Cart:
    lines: list[Line] = field(default_factory=list)
""",
}
ATTRS = {
    "imports": "from attrs import define, field",
    "classes": """
@define
class Line:
    sku: str = ""
    amount: int = 1

@define
class Cart:
    lines: list[Line] = field(factory=list)
""",
}
MODELS = {
    "imports": "from pydantic import BaseModel",
    "classes": """
class Line(BaseModel):
    sku: str = ""
    amount: int = 1

class Cart(BaseModel):
    lines: list[Line] = []
""",
}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(IN_A_MODULE, id="in a module"),
        pytest.param(DATACLASSES, id="dataclasses"),
        pytest.param(ATTRS, id="attrs"),
        pytest.param(MODELS, id="pydantic"),
    ],
)
def test_a_rerun_keeps_what_it_changed(
    page: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nested changes, too, whether the page itself defines the class or a module."""
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)
    monkeypatch.chdir(tmp_path)
    with SessionManager(load_settings(storage="memory")) as manager:
        shown = AppTest.from_string(PAGE.format(**page), default_timeout=30).run()
        assert [""] == [text.value for text in shown.text]
        assert manager.flush()
        before = [manager.repository.load(head.session_id) for head in manager.repository.heads()]
        assert [{}] * len(before) == [
            {name: one for name, one in stored.extensions.items() if name.startswith("state:")}
            for stored in before
            if stored is not None
        ]
        shown.button[0].click().run()
        shown.button[1].click().run()
        shown.button[0].click().run()
        assert ["tea 2,tea 1"] == [text.value for text in shown.text]
        assert [] == list(shown.exception)

        assert manager.flush()
        (head,) = manager.repository.heads()
        stored = manager.repository.load(head.session_id)
    assert stored is not None
    name = "DataCart" if page is IN_A_MODULE else "Cart"
    lines = stored.extensions[f"state:{name}"]["lines"]
    assert [("tea", 2), ("tea", 1)] == [(line["sku"], line["amount"]) for line in lines]


ANOTHER_RUN_BEGINS = """
import sys, types
sys.modules["__main__"] = types.ModuleType("__main__")
"""


@pytest.mark.parametrize("page", [DATACLASSES, ATTRS], ids=["dataclasses", "attrs"])
def test_the_run_of_another_tab_takes_no_class_away(
    page: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each run of a script is Python's main module from its beginning on; what a page's classes name stands in its own."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(default_manager._DEFAULT, "manager", None)
    monkeypatch.chdir(tmp_path)
    crowded = {**page, "classes": page["classes"] + ANOTHER_RUN_BEGINS}
    script = "from __future__ import annotations\n" + PAGE.format(**crowded)
    with SessionManager(load_settings(storage="memory")):
        shown = AppTest.from_string(script, default_timeout=30).run()
        shown.button[0].click().run()
        shown.button[1].click().run()
        assert [] == list(shown.exception)
        assert ["tea 2"] == [text.value for text in shown.text]

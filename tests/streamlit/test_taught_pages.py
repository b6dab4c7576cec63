# SPDX-License-Identifier: Apache-2.0
"""The pages that README and docs teach do what their readers take them for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("sessionkit*/*.md"))
)
TYPED = ("tea", "coffee", "milk", "honey", "bread")


def pages(document: Path) -> list[str]:
    """Return the pages that a document shows."""
    blocks = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if "import streamlit" in block and "st.App(" not in block]


def page(tmp_path: Path, document: str, word: str) -> Path:
    """Return the one page of a document in which a word stands."""
    (body,) = (one for one in pages(ROOT / document) if word in one)
    script = tmp_path / "page.py"
    script.write_text(body)
    return script


@pytest.mark.parametrize(
    ("document", "word", "form", "field", "label"),
    [
        ("docs/streamlit.md", "get_form_state", "order", "item", "Item"),
        ("docs/reference.md", 'get_form_state("contact_form")', "contact_form", "name", "Name"),
    ],
)
def test_the_form_that_is_taught_takes_each_edit(  # noqa: PLR0913, PLR0917 - fixtures and cases
    browser: Any, tmp_path: Path, document: str, word: str, form: str, field: str, label: str
) -> None:
    """One after the other, and the last is there after a restart, in the form and in its field."""
    script = page(tmp_path, document, word)
    tab = browser.open(script).run()

    def labelled() -> Any:
        return next(one for one in tab.text_input if one.label == label)

    for typed in TYPED:
        labelled().set_value(typed).run()
        browser.manager.flush()
        kept = browser.session().form_states[form].data[field]
        assert (typed, typed) == (labelled().value, kept)
    browser.restart()
    tab = browser.open(script).run()
    browser.manager.flush()
    assert TYPED[-1] == labelled().value
    assert TYPED[-1] == browser.session().form_states[form].data[field]
    assert not tab.exception


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_hands_a_field_the_value_that_it_gave(document: Path) -> None:
    """Streamlit makes another widget of another ``value=``: each second edit would be lost."""
    taught = [line for body in pages(document) for line in body.splitlines()]
    assert [] == [line for line in taught if re.search(r"value=.*(\.data|\.inputs|session)", line)]


@pytest.mark.parametrize("document", ["README.md", "docs/getting-started.md"])
def test_the_first_page_that_is_taught_is_durable(
    browser: Any, tmp_path: Path, document: str
) -> None:
    """What its user typed and chose is there after a restart, as the document says."""
    script = page(tmp_path, document, 'sk.slider("Cups"')
    tab = browser.open(script).run()
    tab.text_input(key="name").set_value("Ada").run()
    tab.selectbox(key="drink").select("cocoa").run()
    tab.slider(key="cups").set_value(4).run()
    browser.restart()
    tab = browser.open(script).run()
    assert not tab.exception
    (said,) = [text.value for text in tab.markdown if "cocoa" in text.value]
    assert ("4", "cocoa for Ada") == tuple(said.split(" ", 2)[::2])

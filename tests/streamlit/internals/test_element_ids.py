# SPDX-License-Identifier: Apache-2.0
"""The era of a connection stands in the ids of its widgets."""

from __future__ import annotations

import pytest
from streamlit.elements.lib.utils import _compute_element_id
from streamlit.runtime.state.common import (
    is_element_id,
    is_keyed_element_id,
    user_key_from_element_id,
)

from sessionkit_streamlit.internals.element_ids import era_of, put_era


@pytest.mark.parametrize("key", ["city", "a-b-c", "two\nlines", "", None])
def test_an_id_stays_one_of_streamlits(key: str | None) -> None:
    """With its prefix and its key; each era's is another, the first one's Streamlit's own."""
    own = _compute_element_id("text_input", key)
    first, second, third = (put_era(own, era) for era in range(3))
    assert own == first
    assert 3 == len({first, second, third})
    assert [0, 1, 2] == [era_of(one) for one in (first, second, third)]
    for one in (second, third):
        assert is_element_id(one)
        assert is_keyed_element_id(own) is is_keyed_element_id(one)
        assert user_key_from_element_id(own) == user_key_from_element_id(one)


def test_our_own_widgets_outlive_an_era() -> None:
    """The part in the browser is one for all sessions of a connection."""
    own = _compute_element_id("bidi_component", "_sessionkit_browser")
    assert own == put_era(own, 7)


@pytest.mark.parametrize("name", ["", "city", "$$ID", "$$ID-xyz-city", "$$ID-12x0123456789-city"])
def test_what_is_no_id_is_left_alone(name: str) -> None:
    """Whoever made it up."""
    assert name == put_era(name, 1)
    assert 0 == era_of(name)

# SPDX-License-Identifier: Apache-2.0
"""Which names say that what they hold is never stored."""

from __future__ import annotations

import gc
import logging
from collections import OrderedDict
from typing import Any

import pytest

from sessionkit import FormState, UserSession
from sessionkit.session.privacy import Privacy


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "New_Password2",
        "PASSWD",
        "clientSecret",
        "access_token",
        "apiKey",
        "api_key",
        "my-api-key",
    ],
)
def test_what_is_called_like_a_secret_is_never_stored(name: str) -> None:
    """By default, in capitals or not."""
    assert Privacy().covers(name)


@pytest.mark.parametrize("name", ["name", "pass", "max_tokens", "token_count", "key", 7, None])
def test_what_is_called_otherwise_is(name: Any) -> None:
    """The settings of a language model are no secrets, whatever they count."""
    assert not Privacy().covers(name)


def test_own_patterns_stand_in_for_the_default_ones() -> None:
    """Some more can be added to either; one that begins with an exclamation mark lets names through."""
    own = Privacy(("pin", "*iban*", "!iban_country"))
    assert [True, True, False, False] == [
        own.covers(name) for name in ("PIN", "my_iban", "iban_country", "password")
    ]
    assert own.extended(["pass*"]).covers("password")
    assert own is own.extended(["pin"])


def test_values_are_left_as_they_are() -> None:
    """The app goes on holding its own: what is left out is left out of copies, which stay of their kind."""
    inner = OrderedDict({"token": "a", "kept": [1]})
    fields = {"inputs": {"deep": ({"x": [inner]},), "plain": [1, 2]}, "theme": "password"}
    public = Privacy().public(fields)
    assert {"deep": ({"x": [OrderedDict(kept=[1])]},), "plain": [1, 2]} == public["inputs"]
    assert fields["inputs"]["plain"] is public["inputs"]["plain"]  # type: ignore[index]
    assert "a" == inner["token"]
    untouched = {"inputs": {"a": [{"b": (1, 2)}]}}
    assert untouched is Privacy().public(untouched)


def test_a_dict_that_held_texts_alone_is_gone_into_when_it_holds_another() -> None:
    """Also where Python's garbage collector has stopped looking after it in between."""
    entries: dict[str, Any] = {"city": "Ghent"}
    fields = {"inputs": entries}
    gc.collect()
    assert fields is Privacy().public(fields)
    entries["deep"] = {"token": 1}
    assert {"city": "Ghent", "deep": {}} == Privacy().public(fields)["inputs"]
    entries["deep"] = ({"token": 1},)
    gc.collect()
    assert {"city": "Ghent", "deep": ({},)} == Privacy().public(fields)["inputs"]


def test_what_holds_itself_is_left_to_whoever_writes_it() -> None:
    """It ends there, with an error that says where."""
    ring: list[Any] = []
    ring.append(ring)
    Privacy().public({"inputs": {"ring": ring}})


def test_an_export_is_without_it() -> None:
    """A form's own name is none of a field's."""
    session = UserSession(inputs={"token": 1, "city": "Ghent"})
    session.form_states["password"] = FormState(form_id="password", data={"password": 1, "a": 2})
    session.form_states["password"].snapshot()
    session.leave_out("city")
    plain = session.to_dict()
    assert {} == plain["inputs"]
    assert {"a": 2} == plain["form_states"]["password"]["data"]
    assert [{"a": 2}] == [one["data"] for one in plain["form_states"]["password"]["snapshots"]]
    assert {"token": 1, "city": "Ghent"} == session.inputs


def test_the_log_says_a_name_once(caplog: pytest.LogCaptureFixture) -> None:
    """Who looks for a value that does not come back finds why."""
    caplog.set_level(logging.INFO)
    privacy = Privacy(("*odd-one*",))
    assert privacy.covers("the odd-one") is privacy.covers("the odd-one")
    assert 1 == caplog.text.count("'the odd-one' is never stored")

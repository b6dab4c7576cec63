# SPDX-License-Identifier: Apache-2.0
"""What a type checker tells a user of the router, of forms and of lists; checked by mypy, never run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from sessionkit import UserSession
from sessionkit.session.forms import FieldChange
from sessionkit_streamlit import (
    DeviceTexts,
    FormTexts,
    Route,
    Router,
    RouterTexts,
    ShareTexts,
    StatusTexts,
    conflict_notice,
    current_router,
    devices,
    form,
    open_share_link,
    router,
    save_status,
    share_button,
    share_link,
)


def home() -> None:
    """Take nothing."""


def order(number: int, tab: str = "lines") -> None:
    """Take parameters."""


def is_dark(session: UserSession) -> bool:
    """Be a guard."""
    return session.theme == "dark"


def pages() -> None:
    """Pages are functions, scripts and routes, in a list or under headings."""
    here = router([home, "cart.py", Route(order, roles=["staff"], allow=is_dark)])
    assert_type(here, Router)
    assert_type(current_router(), Router)
    router({"Shop": [home], "More": [order]}, denied=home, texts=RouterTexts(denied="No."))
    Route(home, roles={"staff"}, permissions=("read",))
    assert_type(here.can_go_back, bool)


def ways(here: Router) -> None:
    """A page that is gone to or linked is called as its function is."""
    here.go_to(home)
    here.go_to(order, 7)
    here.go_to(order, number=7, tab="notes")
    here.go_to(order, "seven")  # type: ignore[call-overload]
    here.go_to(order)  # type: ignore[call-overload]
    here.go_to(order, 7, color="red")  # type: ignore[call-arg]
    here.go_to("cart.py", color="red")
    here.link(order, "Order 7", number=7)
    here.link(order, None, 7)
    here.link("cart.py")
    here.link(order, "Order")  # type: ignore[call-overload]


@dataclass
class Contact:
    """What is filled in."""

    name: str


def is_known(one: Contact) -> dict[str, str]:
    """Be a check of the app's own."""
    return {} if one.name == "Ada" else {"name": "Who?"}


def forms() -> None:
    """A form's value is of its class; its widgets are Streamlit's."""
    with form("contact", Contact, validate=is_known, texts=FormTexts(submit="Send")) as f:
        assert_type(f.checkbox("News", key="news"), bool)
        f.select_slider("Size", ["s", "m"], key="size")
        assert_type(f.submit(), bool)
    assert_type(f.value, Contact | None)
    with form("free", batch=True, warn=False, recover=False, marks=False) as g:
        assert_type(g.value, dict[str, Any] | None)
    assert_type(g.changed, list[str])
    for step in g.history:
        assert_type(step.text, str)
        assert_type(step.changes, tuple[FieldChange, ...])
    form("contact", marks="line")  # type: ignore[call-overload]
    form("contact", Contact, validate=len)  # type: ignore[arg-type]


def lists() -> None:
    """The list of devices draws; its words are texts."""
    devices(texts=DeviceTexts(end="Abmelden"))
    conflict_notice(compact=True)
    save_status(compact=True, texts=StatusTexts(away="Offline"))
    devices(texts={"end": "Abmelden"})  # type: ignore[arg-type]


def links() -> None:
    """A link is a text; times are times."""
    assert_type(share_link(expires=timedelta(days=1), leave_out=["margin"]), str)
    assert_type(share_button("Share", texts=ShareTexts(make="New")), None)
    assert_type(open_share_link(), None)
    share_link(expires=7)  # type: ignore[arg-type]
    share_link(timedelta(days=1))  # type: ignore[call-arg]

# SPDX-License-Identifier: Apache-2.0
"""What a type checker tells a user of the router; checked by mypy, never run."""

from __future__ import annotations

from typing import assert_type

from sessionkit import UserSession
from sessionkit_streamlit import Route, Router, RouterTexts, current_router, router


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

# SPDX-License-Identifier: Apache-2.0
"""One page of an app: where it is, what it is called, and who may open it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from sessionkit.session import UserSession
from sessionkit_streamlit.routes.parameters import Parameters, Texts

Function = Callable[..., object]


def _names(names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):
        msg = f"roles and permissions are lists of names, such as [{names!r}], not one text"
        raise TypeError(msg)
    return frozenset(names)


@attrs.frozen(eq=False)
class Route:
    """
    A page for :func:`~sessionkit_streamlit.router`.

    Attributes:
        page: What makes the page: a function, a script's path as for ``st.Page``, or the address of
            another site. The parameters of a function are those of the page's address:
            ``def order(number: int)`` is called with 7 at ``/order?number=7``.
        title: As for ``st.Page``.
        icon: The same.
        url_path: The same.
        default: The same.
        visible: Whether the menu shows it; without effect where the page needs parameters or the user may not open it.
        roles: Who has one of these roles may open it; empty for everybody.
        permissions: Who has all of these permissions may open it.
        allow: Asked whether a session's user may open it, besides; None for no further question.
        crumb: What breadcrumbs call the page, such as ``"Order {number}"``, with its parameters; None for the title.
    """

    page: Function | str | Path
    title: str | None = attrs.field(default=None, kw_only=True)
    icon: str | None = attrs.field(default=None, kw_only=True)
    url_path: str | None = attrs.field(default=None, kw_only=True)
    default: bool = attrs.field(default=False, kw_only=True)
    visible: bool = attrs.field(default=True, kw_only=True)
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=_names, kw_only=True)
    permissions: frozenset[str] = attrs.field(default=frozenset(), converter=_names, kw_only=True)
    allow: Callable[[UserSession], bool] | None = attrs.field(default=None, kw_only=True)
    crumb: str | None = attrs.field(default=None, kw_only=True)
    parameters: Parameters | None = attrs.field(init=False)
    """Those of the address; None where the page is a script: it reads ``st.query_params``."""

    @parameters.default
    def _read_parameters(self) -> Parameters | None:
        return Parameters.of(self.page) if callable(self.page) else None

    @property
    def name(self) -> str:
        """What the session's history calls the page: its path, also where it is the default page."""
        if self.url_path:
            return self.url_path.strip("/")
        return str(getattr(self.page, "__name__", None) or Path(str(self.page)).stem)

    def is_open_to(self, session: UserSession) -> bool:
        """Return whether a session's user may open the page."""
        if self.roles and self.roles.isdisjoint(session.roles):
            return False
        if not self.permissions.issubset(session.permissions):
            return False
        return self.allow is None or bool(self.allow(session))

    def needs_parameters(self) -> bool:
        """Return whether the page can't be opened without some, such as by a click in a menu."""
        return self.parameters is not None and self.parameters.are_required

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return what the page's function is called with; nothing for a script.

        Args:
            params: What stands in the address.

        Raises:
            AddressError: If a parameter is missing or wrong.
        """
        if self.parameters is None:
            return {}
        return self.parameters.read({name: listed(params[name]) for name in params})

    def texts(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Texts:
        """
        Return what stands in the address of a page that is called with these arguments.

        Args:
            args: Arguments of its function, in their order.
            kwargs: Further ones; for a script all that is to stand there.

        Raises:
            TypeError: If the page does not take them.
        """
        names = () if self.parameters is None else tuple(self.parameters.by_name)
        placed = dict(zip(names, args, strict=False))
        if len(args) > len(names) or placed.keys() & kwargs.keys():
            msg = f"the page {self.name!r} takes {list(names)}, each once, not {args!r} and {dict(kwargs)!r}"
            raise TypeError(msg)
        if self.parameters is None:
            return {name: alone(listed(kwargs[name])) for name in kwargs}
        return self.parameters.write({**placed, **kwargs})


def listed(value: Any) -> list[str]:  # noqa: ANN401 - an address's texts, or what an app has noted
    """Return a parameter as a list of texts."""
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def alone(texts: list[str]) -> str | list[str]:
    """Return texts as a parameter: the text, if there is one."""
    return texts[0] if len(texts) == 1 else texts

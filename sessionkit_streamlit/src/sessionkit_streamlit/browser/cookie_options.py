# SPDX-License-Identifier: Apache-2.0
"""How the cookie is set, for every way to run: what the settings say, and for how long."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, get_args
from urllib.parse import quote, unquote

import attrs

from sessionkit.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import Scope

SameSite = Literal["lax", "strict", "none"]

LONGEST: Final = timedelta(days=400)
"""For how long browsers keep a cookie at most."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{0,40}")
_DOMAIN: Final = re.compile(r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_PATH: Final = re.compile(r"/[!-:<-~]*")
_SENT: Final = re.compile(r"[!-~]*")
_FROM_SEMICOLON: Final = re.compile(r"/[^/]*;.*")
_AS_SENT: Final = "/!$&'()*+,=:@;"
"""What browsers leave as it is in a path, besides letters and digits."""


def _one_of(_: object, __: object, value: str | None) -> None:
    if value is not None and value not in get_args(SameSite):
        allowed = ", ".join(repr(one) for one in get_args(SameSite))
        msg = f"samesite is one of {allowed}, not {value!r}"
        raise ConfigError(msg)


def _matching(pattern: re.Pattern[str], right: str) -> Any:  # noqa: ANN401 - a validator of attrs
    def check(_: object, attribute: Any, value: object) -> None:  # noqa: ANN401 - as attrs hands it over
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            msg = f"the cookie's {attribute.name} is {right}, not {value!r}"
            raise ConfigError(msg)

    return check


def _lasting(_: object, __: object, value: Any) -> None:  # noqa: ANN401 - a validator takes anything
    if value is not None and not (isinstance(value, timedelta) and value >= timedelta(seconds=1)):
        msg = f"the cookie's max_age is a second or more, not {value!r}"
        raise ConfigError(msg)


def _yes_or_no(_: object, __: object, value: Any) -> None:  # noqa: ANN401 - a validator takes anything
    if value is not None and not isinstance(value, bool):
        msg = f"the cookie's secure is True or False, not {value!r}"
        raise ConfigError(msg)


@attrs.frozen(kw_only=True)
class CookieOptions:
    """
    How the cookie is set; where our middleware sets it, it is always HttpOnly.

    Attributes:
        prefix: What stands before its name; ``"__Host-"`` and ``"__Secure-"`` are
            browsers' own words, and hold them to the rest.
        domain: The domain whose hosts get it, too; None for this host alone.
        path: The path that it is sent to; None for the app's base path.
        secure: Whether it is sent over https alone; None where the page itself came so.
        samesite: ``"none"`` lets the app run in a page of another site; the
            cookie is then Secure and Partitioned, and needs https. None is ``"lax"``;
            by script, inside a page of another site, ``"none"``.
        max_age: For how long the browser keeps it at most; it never outlives the session.
    """

    prefix: str = attrs.field(
        default="", validator=_matching(_NAME, "up to 40 letters, digits, - and _")
    )
    domain: str | None = attrs.field(
        default=None, validator=_matching(_DOMAIN, "a name such as 'example.org'")
    )
    path: str | None = attrs.field(
        default=None, validator=_matching(_PATH, "a path such as '/app', without blanks and ';'")
    )
    secure: bool | None = attrs.field(default=None, validator=_yes_or_no)
    samesite: SameSite | None = attrs.field(default=None, validator=_one_of)
    max_age: timedelta | None = attrs.field(default=None, validator=_lasting)

    def __attrs_post_init__(self) -> None:
        """Refuse what browsers would."""
        is_secure = self.secure or self.samesite == "none"
        if self.prefix.startswith(("__Host-", "__Secure-")) and not is_secure:
            msg = f"a cookie with the prefix {self.prefix!r} has to be secure: set secure = true"
            raise ConfigError(msg)
        if self.prefix.startswith("__Host-") and (self.domain is not None or self.path != "/"):
            msg = f"a cookie with the prefix {self.prefix!r} has the path '/' and no domain: set path = \"/\""
            raise ConfigError(msg)

    def name(self, cookie_name: str) -> str:
        """Return the cookie's name, prefix included."""
        return f"{self.prefix}{cookie_name}"

    def seconds(self, left: timedelta | None) -> int:
        """
        Return for how many seconds the browser keeps the cookie.

        Args:
            left: How long the session may still go on; None for ever.
        """
        limits = [limit for limit in (LONGEST, self.max_age, left) if limit is not None]
        return max(1, int(min(limits).total_seconds()))

    def header(self, scope: Scope, name: str, value: str, seconds: int) -> tuple[bytes, bytes]:
        """Return the header that sets the cookie in answer to a request."""
        crossing = self.samesite == "none"
        secure = crossing or (over_https(scope) if self.secure is None else self.secure)
        parts = [
            f"{self.name(name)}={value}",
            f"Path={self.path or base_path(scope)}",
            *([f"Domain={self.domain}"] if self.domain else []),
            f"Max-Age={seconds}",
            "HttpOnly",
            f"SameSite={(self.samesite or 'lax').capitalize()}",
            *(["Secure"] if secure else []),
            *(["Partitioned"] if crossing else []),
        ]
        return b"set-cookie", "; ".join(parts).encode("latin-1")

    def for_script(self) -> dict[str, Any]:
        """Return what the part in the browser has to know to set the cookie."""
        return {
            "path": self.path,
            "domain": self.domain,
            "secure": self.secure,
            "samesite": self.samesite,
        }


def cookie_options(  # noqa: PLR0913 - the keys of [hosts.streamlit]
    *,
    cookie_prefix: str = "",
    cookie_domain: str | None = None,
    cookie_path: str | None = None,
    cookie_secure: bool | None = None,
    cookie_samesite: SameSite | None = None,
    cookie_max_age: timedelta | None = None,
) -> CookieOptions:
    """
    Return the options that the keys of ``[hosts.streamlit]`` say; they are those of :class:`CookieOptions`.

    Raises:
        ConfigError: If one of them is wrong.
    """
    try:
        return CookieOptions(
            prefix=cookie_prefix,
            domain=cookie_domain,
            path=cookie_path,
            secure=cookie_secure,
            samesite=cookie_samesite,
            max_age=cookie_max_age,
        )
    except ConfigError as error:
        msg = f"hosts.streamlit, the keys that begin with cookie_: {error}"
        raise ConfigError(msg) from error


def header_of(scope: Scope, name: bytes) -> bytes:
    """Return a request's header; several are joined as browsers join them."""
    values = (value for key, value in scope["headers"] if key == name)
    return b", ".join(values) if name != b"cookie" else b"; ".join(values)


def over_https(scope: Scope) -> bool:
    """Return whether a page came by https."""
    # A proxy that ends TLS says so; a lie only makes the liar's own cookie Secure.
    said = header_of(scope, b"x-forwarded-proto").split(b",")[0].strip()
    return scope.get("scheme") == "https" or said == b"https"


def base_path(scope: Scope) -> str:
    """
    Return the path below which the app answers, as the browser writes it in its requests.

    Where the app is mounted below a part of the URL that may be anything, whoever made the
    link chose it. It becomes no attribute of the cookie: the path ends before a segment with ";".
    """
    from streamlit import get_option  # noqa: PLC0415 - already there when a request comes

    configured = quote(str(get_option("server.baseUrlPath") or "").strip("/"), _AS_SENT)
    path = f"{_mounted_at(scope)}/{configured}".rstrip("/")
    return _FROM_SEMICOLON.sub("", path) or "/"


def _mounted_at(scope: Scope) -> str:
    root = str(scope.get("root_path", "")).rstrip("/")
    # Of two ways to write one letter, "@" and "%40", browsers take that of the link.
    asked = scope.get("raw_path", b"").decode("latin-1").split("/")
    as_sent = "/".join(asked[: root.count("/") + 1])
    is_root = _SENT.fullmatch(as_sent) and unquote(as_sent) == root
    return as_sent if is_root else quote(root, _AS_SENT)

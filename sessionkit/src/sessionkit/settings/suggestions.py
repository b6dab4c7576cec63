# SPDX-License-Identifier: Apache-2.0
"""What an error says after an unknown name: the nearest right one, and all that are allowed."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the one of *allowed* that *name* is most likely a slip of, or None; case doesn't count."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed on the way to an error

    by_folded = {right.casefold(): right for right in allowed}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def suggest(name: str, allowed: Iterable[str], *, what: str = "allowed") -> str:
    """
    Return the end of a sentence about the unknown *name*.

    >>> suggest("debouncems", ["debounce_ms", "batch_size"])
    "did you mean 'debounce_ms'? (allowed: batch_size, debounce_ms)"

    Args:
        name: What was written.
        allowed: All right names.
        what: What the list of right names is called.
    """
    right = sorted(allowed)
    listed = f"{what}: {', '.join(right) or 'none'}"
    close = nearest(name, right)
    return f"did you mean {close!r}? ({listed})" if close else listed

# SPDX-License-Identifier: Apache-2.0
"""
The issues and what can be done with them.

A real tracker has a database for them. Here they live among the session's
inputs, so that the demo needs nothing else.
"""

from __future__ import annotations

from typing import Any

from sessionkit import get_current_session, persist_input

PRIORITIES = ("low", "normal", "high", "urgent")

_TO_BEGIN_WITH: tuple[dict[str, Any], ...] = (
    {"number": 1, "title": "Search forgets its filters", "priority": "high"},
    {"number": 2, "title": "Export takes a minute", "priority": "normal"},
    {"number": 3, "title": "Dark theme is too dark", "priority": "low"},
)


def all_issues() -> list[dict[str, Any]]:
    """Return every issue, oldest first; each has number, title, priority, details, votes, open."""
    kept = get_current_session().inputs.get("issues", _TO_BEGIN_WITH)
    return [{"details": "", "votes": 0, "open": True, **issue} for issue in kept]


def file_issue(title: str, priority: str, details: str) -> None:
    """Add an issue."""
    issues = all_issues()
    number = 1 + max(issue["number"] for issue in issues)
    new = {"number": number, "title": title, "priority": priority, "details": details}
    persist_input("issues", [*issues, new])


def vote(number: int) -> None:
    """Count one more vote for an issue."""
    issues = all_issues()
    for issue in issues:
        issue["votes"] += issue["number"] == number
    persist_input("issues", issues)


def close_or_reopen(number: int) -> None:
    """Close an open issue, open a closed one."""
    issues = all_issues()
    for issue in issues:
        issue["open"] ^= issue["number"] == number
    persist_input("issues", issues)

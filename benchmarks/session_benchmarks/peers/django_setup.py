# SPDX-License-Identifier: Apache-2.0
"""Django's settings, which can be made once in a process."""

from __future__ import annotations

import django
from django.conf import settings


def set_up() -> None:
    """Set Django up with its sessions, unless it is."""
    if settings.configured:
        return
    settings.configure(
        SECRET_KEY="no secret",  # noqa: S106 - of sample sessions
        INSTALLED_APPS=["django.contrib.sessions"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    django.setup()

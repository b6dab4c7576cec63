# SPDX-License-Identifier: Apache-2.0
"""
What is set, and from where: code, environment variables, a file.

To be imported from here: :class:`Settings`, :func:`load_settings`, and :func:`check_journal_folder`. Rooms above may also import
the tables of ``settings.settings`` and ``settings.types`` (values of a needed type, durations). Nothing here is shared
between threads but frozen objects; the room has no lock.
"""

from __future__ import annotations

from sessionkit.settings.settings import Settings, check_journal_folder, load_settings

__all__ = ["Settings", "check_journal_folder", "load_settings"]

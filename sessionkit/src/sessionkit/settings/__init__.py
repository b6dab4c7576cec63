# SPDX-License-Identifier: Apache-2.0
"""What can be set, and from where."""

from __future__ import annotations

from sessionkit.settings.settings import Settings, load_settings

__all__ = ["Settings", "load_settings"]

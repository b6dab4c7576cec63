# SPDX-License-Identifier: Apache-2.0
"""What is installed, by kind and name."""

from __future__ import annotations

from sessionkit.plugins.plugins import Plugins

__all__ = ["Plugins"]

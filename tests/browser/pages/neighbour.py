# SPDX-License-Identifier: Apache-2.0
"""A module beside the script, as apps have them."""

from __future__ import annotations

WORD = "hello"

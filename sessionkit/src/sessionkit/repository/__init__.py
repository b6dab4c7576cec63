# SPDX-License-Identifier: Apache-2.0
"""Whole sessions from and to one storage."""

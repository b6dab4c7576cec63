# SPDX-License-Identifier: Apache-2.0
"""A storage for sessionkit: each session is a file."""

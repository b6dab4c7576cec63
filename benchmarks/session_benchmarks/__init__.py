# SPDX-License-Identifier: Apache-2.0
"""Measures sessionkit against the raw drivers of the same stores."""

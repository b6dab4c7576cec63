# SPDX-License-Identifier: Apache-2.0
"""What people are told on the page: save status and conflicts."""

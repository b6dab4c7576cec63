# SPDX-License-Identifier: Apache-2.0
"""Between widgets and the session: restore, capture, edits."""

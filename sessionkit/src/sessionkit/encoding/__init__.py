# SPDX-License-Identifier: Apache-2.0
"""Parts of a session, as plain data and as bytes."""

# SPDX-License-Identifier: Apache-2.0
"""One manager a process: identity, live sessions, saving, ends."""

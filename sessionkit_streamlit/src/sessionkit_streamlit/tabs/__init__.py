# SPDX-License-Identifier: Apache-2.0
"""The open tabs of this process: when each reruns, and what is flushed at its end."""

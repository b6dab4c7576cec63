# SPDX-License-Identifier: Apache-2.0
"""What core plugs into itself, by the same door as any plugin."""

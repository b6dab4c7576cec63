# SPDX-License-Identifier: Apache-2.0
"""What the browser holds and is told: cookie, ticket, handshake."""

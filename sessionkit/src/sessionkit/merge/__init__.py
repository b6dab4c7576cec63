# SPDX-License-Identifier: Apache-2.0
"""What two writers left, made one: rules, stamps, policies."""

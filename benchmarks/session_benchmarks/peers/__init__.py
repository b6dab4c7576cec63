# SPDX-License-Identifier: Apache-2.0
"""Other libraries that keep sessions, each as its documentation says to use it."""

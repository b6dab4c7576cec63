# SPDX-License-Identifier: Apache-2.0
"""
The only modules that touch Streamlit's inside.

Each use is guarded: when a release of Streamlit moves a name, one warning says
which and what that costs, and everything else goes on. Every module of the plugin may
import these; they import nothing of it.
"""

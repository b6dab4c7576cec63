# SPDX-License-Identifier: Apache-2.0
"""
The open tabs of this process.

- ``tabs``: which tabs there are, and when each is to rerun by itself; ``OpenTabs`` owns a lock for all of them.
- ``refresh_fragment``: one fragment that runs again without the browser's timer (public).
- ``lifecycle``: what waits is written when Streamlit lets go of a session.

The host tells ``open_tabs`` of runs; the hooks hand it events.
"""

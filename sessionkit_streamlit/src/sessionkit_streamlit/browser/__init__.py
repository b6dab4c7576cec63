# SPDX-License-Identifier: Apache-2.0
"""
What the browser holds and is told: who it is, and what its page says at another server.

- ``cookies``: the signed cookie, and the ticket that is traded for one; pure ASGI, no Streamlit inside.
- ``cookie_options``: how the cookie is set, for every way to run.
- ``app``: the keywords that put them into an ``st.App`` (public: ``app_options``).
- ``gate``: what the web server's side and the scripts' side of one process tell each other.
- ``unchanged``: pages without a line of ours, whose runs are given their session as they begin.
- ``unsaved``: what only the browser holds, which asks before that is lost.
- ``handshake``: the part that runs in the browser, and what it reported.

Everyone above may import ``gate``; the host and ``widgets.edits`` import ``handshake``; forms and notices ``unsaved``; ``app`` and ``cookies`` serve the web server alone.
"""

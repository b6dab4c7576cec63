# SPDX-License-Identifier: Apache-2.0
"""
What goes between the session and Streamlit's keyed widgets.

- ``restore``: from the session into Streamlit's state, when a run begins (public: ``persist``).
- ``capture``: from there into the session, when a run begins and when it ends.
- ``edits``: is this value the user's own doing?

The host calls all three. ``Widgets.lock`` of a connection is held while values go either way: ``capture``
takes it, and the host takes it around a restore and the capture that follows.
"""

# SPDX-License-Identifier: Apache-2.0
"""
What goes between the session and Streamlit's keyed widgets.

- ``named_keys``: which keys are kept (public: ``persist``).
- ``kept``: widgets that name their own (public: ``kept``, and each value widget of Streamlit under its name).
- ``data_editor``: a data editor that keeps its edits (public), which ``table_edits`` makes in its table.
- ``restore``: from the session into Streamlit's state, when a run begins.
- ``capture``: from there into the session, when a run begins and when it ends.
- ``edits``: is this value the user's own doing?

The host calls the last three. ``Widgets.lock`` of a connection is held while values go either way: ``capture``
takes it, and the host takes it around a restore and the capture that follows.
"""

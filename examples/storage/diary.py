# SPDX-License-Identifier: Apache-2.0
"""
A storage of one's own, as a plugin: each session is a file.

    pip install --no-deps .
    sessionkit run diary.py

``sessionkit.toml`` beside this page chooses it by its name. ``src/`` has the plugin, ``tests/``
proves it: ``pytest tests``.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import streamlit as st

from sessionkit import bootstrap_session, get_manager, save_session
from sessionkit_streamlit import save_status, text_area

st.set_page_config(page_title="Diary", page_icon=":material/menu_book:")
session = bootstrap_session()
st.title("Diary")
save_status()
text_area("Today", key="today", height=160)

save_session(session, immediate=True)  # so that the file is there
stored = get_manager().storage.read(session.session_id)
if stored:
    # A session's id is a secret: the storage names its files by a hash of it.
    file = Path("sessions") / f"{sha256(session.session_id.encode()).hexdigest()}.json"
    st.table(
        {"File": str(file), "Bytes": str(file.stat().st_size), "Save": str(stored.head.version)}
    )

# SPDX-License-Identifier: Apache-2.0
"""
A board of notes that two tabs share.

    sessionkit run board.py

Open the page in two tabs and put them side by side. What you add or move in one is in the
other at once; where both change a note, neither loses what the other did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

import streamlit as st

from sessionkit import bootstrap_session, configure
from sessionkit_streamlit import conflict_notice, save_status

COLUMNS = ("To do", "Doing", "Done")


@dataclass
class Note:
    """One note on the board."""

    text: str = ""
    column: int = 0


@dataclass
class Board:
    """
    All notes, by an id of their own.

    A dict is merged by its keys, and each note field by field: a list would be one value, of
    which the later one is taken whole.
    """

    notes: dict[str, Note] = field(default_factory=dict)


def add() -> None:
    """Put a new note on the board."""
    if text := st.session_state["text"]:
        board.notes[uuid4().hex] = Note(text)
    st.session_state["text"] = ""


def move(name: str, column: int) -> None:
    """Move a note to a column; another tab may have moved it, or taken it off the board."""
    if note := board.notes.get(name):
        note.column = column


def remove(name: str) -> None:
    """Take a note off the board; another tab may have done so."""
    board.notes.pop(name, None)


def show(name: str, note: Note) -> None:
    """Draw a note with its buttons."""
    with st.container(border=True):
        st.text(note.text)
        with st.container(horizontal=True):
            for by, icon in ((-1, "arrow_back"), (1, "arrow_forward")):
                to = note.column + by
                if 0 <= to < len(COLUMNS):
                    st.button(
                        f":material/{icon}: {COLUMNS[to]}",
                        key=f"{name}{by}",
                        on_click=move,
                        args=(name, to),
                    )
            st.button(
                ":material/delete:",
                key=f"{name}-delete",
                on_click=remove,
                args=(name,),
                help="Delete",
            )


st.set_page_config(page_title="Board", page_icon=":material/view_kanban:", layout="wide")
configure(persistence={"watch": True})  # a tab that nobody touches is told of changes, too
session = bootstrap_session()
board = session.state(Board)

st.title("Board")
with st.container(horizontal=True, vertical_alignment="center"):
    st.text_input("New note", key="text", on_change=add)
    st.link_button("Open a second tab", st.context.url or "")
    save_status()
conflict_notice()

for number, (place, title) in enumerate(zip(st.columns(len(COLUMNS)), COLUMNS, strict=True)):
    with place:
        st.subheader(title)
        for name, note in list(board.notes.items()):
            if note.column == number:
                show(name, note)

# SPDX-License-Identifier: Apache-2.0
"""
Forms whose draft keeps itself.

- ``form``: the form on a page: its fields, its buttons and what is wrong with it (public: ``form``, ``Form``).
- ``texts``: all its words (public: ``FormTexts``).
- ``content``: what is filled in, as the app's own class has it: which fields, and whether they are right.
- ``left_draft``: what a form's user has left in another session.
- ``marks``: the lines beside fields that were changed.
- ``history``: what was changed, in words.
"""

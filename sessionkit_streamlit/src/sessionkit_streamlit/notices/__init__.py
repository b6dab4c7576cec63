# SPDX-License-Identifier: Apache-2.0
"""
What people are told on the page.

- ``save_status``: whether what they typed is saved (public: ``save_status``, ``StatusTexts``).
- ``conflict_notice``: what was changed in another tab as well (public: ``conflict_notice``, ``NoticeTexts``).
- ``author_notice``: to the page's author, what can't be restored as the page is written.
- ``markdown``: names and stored values as text that nobody can do harm with.

The host asks ``save_status`` at the end of each run to look after the lines that the run leaves behind.
"""

# SPDX-License-Identifier: Apache-2.0
"""
An issue desk that survives: three pages that show what sessionkit keeps.

``sessionkit demo`` starts it. The script is :mod:`~sessionkit_streamlit.demo.app`.
"""

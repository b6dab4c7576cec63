# SPDX-License-Identifier: Apache-2.0
"""
Pages with addresses of their own, over ``st.navigation``.

- ``router``: which page is shown, and how one gets to others (public: ``router``, ``current_router``, ``Router``, ``RouterTexts``).
- ``route``: one page, and who may open it (public: ``Route``).
- ``parameters``: what stands behind the question mark, by the signature of the page's function.
"""

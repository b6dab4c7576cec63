# SPDX-License-Identifier: Apache-2.0
"""
Other libraries that keep sessions, to be timed.

They are called where they meet their store, with connections open, and never
as a request would: cookies, signatures and middleware cost them nothing here.
"""

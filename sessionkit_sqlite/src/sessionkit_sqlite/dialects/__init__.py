# SPDX-License-Identifier: Apache-2.0
"""One module a database: how its connections are used, its SQL, and what its errors mean."""

# SPDX-License-Identifier: Apache-2.0
"""
Redis and Valkey storage for sessionkit.

Others import ``RedisStorage`` from :mod:`sessionkit_redis.storage`, and name
:mod:`sessionkit_redis.hooks` as the plugin. Everything else is this distribution's own. Its one
lock, in :class:`sessionkit_redis.calls.Calls`, is held while the client is made.
"""

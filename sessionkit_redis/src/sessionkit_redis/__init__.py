# SPDX-License-Identifier: Apache-2.0
"""Redis and Valkey storage for sessionkit: ``sessionkit_redis.storage.RedisStorage``."""

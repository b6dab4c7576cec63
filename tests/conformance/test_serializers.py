# SPDX-License-Identifier: Apache-2.0
"""The shipped serializer suite, over what core ships."""

from __future__ import annotations

import pytest

from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.serializer import Serializer
from sessionkit.testing.serializers import SerializerConformance


class TestMsgpackSerializer(SerializerConformance):
    """MessagePack keeps the contract."""

    @pytest.fixture
    def serializer(self) -> Serializer:
        """Return the serializer under test."""
        return MsgpackSerializer()


class TestJsonSerializer(SerializerConformance):
    """JSON keeps the contract."""

    @pytest.fixture
    def serializer(self) -> Serializer:
        """Return the serializer under test."""
        return JsonSerializer()

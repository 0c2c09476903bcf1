"""JSON as every answer of the API is written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import renderers
from rest_framework.utils.encoders import JSONEncoder


class LocalTimes(JSONEncoder):
    """Writes times in the host's time zone wherever they stand, as the fields of serializers do (RFC 3339)."""

    def default(self, obj: Any) -> Any:
        if isinstance(obj, datetime) and timezone.is_aware(obj):
            obj = timezone.localtime(obj)
        return super().default(obj)


class JSONRenderer(renderers.JSONRenderer):
    """DRF's, with all times in one time zone."""

    encoder_class = LocalTimes

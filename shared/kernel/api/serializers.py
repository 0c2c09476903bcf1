"""The base of every serializer that takes input: it refuses names it does not know and tells every error at once."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown and read-only names in the input (code `unknown_field`), together with all other errors."""

    def to_internal_value(self, data: Any) -> Any:
        extra: dict[str, list[ErrorDetail]] = {}
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            for name in data:
                if name not in known:
                    extra[str(name)[:80]] = [ErrorDetail(str(_("This field is not known here.")), "unknown_field")]
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **extra}) from None
            raise
        if extra:
            raise serializers.ValidationError(extra)
        return value


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer[Any]):
    """The same for serializers with a `Meta.model`."""

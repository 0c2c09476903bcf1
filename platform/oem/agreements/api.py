"""Sharing agreements in the API of the portal."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.accounts.roles import Right
from kernel.api.views import ApiView, Required
from kernel.contracts.agreements import AgreementText
from oem.agreements import queries
from oem.agreements.queries import DealershipTerms, LastSeen


def _agreement(one: AgreementText) -> dict[str, Any]:
    return {
        "version": one.version,
        "published_on": one.published_on,
        "notice_days": one.notice_days,
        "digest": one.digest,
        "title": one.title,
        "text": one.text,
        "terms": [term.to_json() for term in one.terms],
    }


def _seen(seen: LastSeen | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {"level": str(seen.level), "at": seen.at, "agreement_version": seen.agreement_version}


def _member(one: DealershipTerms) -> dict[str, Any]:
    return {
        "dealership": one.dealership.slug,
        "version": one.version or None,
        "terms": [
            {
                "contract": term.term.contract,
                "purpose": str(term.purpose),
                "asked": str(term.term.level),
                "required": term.term.required,
                "last_seen": _seen(term.seen),
            }
            for term in one.terms
        ],
    }


class Agreements(ApiView):
    """The agreement in every version, and at each dealership the level last seen of each of its terms.

    A dealership's level is its own: here it is known from messages only. `last_seen` is null before the first one.
    """

    required: ClassVar[Required] = {"GET": Right.SHARING_READ}
    scope = "agreements"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(
            {
                "results": [_agreement(one) for one in queries.versions()],
                "next": None,
                "dealerships": [_member(one) for one in queries.terms_at_dealerships(request.user)],
            }
        )

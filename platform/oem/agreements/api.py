"""Sharing agreements in the API of the portal."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.accounts.roles import Right
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required
from kernel.contracts import Level, Purpose
from kernel.contracts.agreements import AgreementText, Term
from kernel.errors import Invalid
from oem.agreements import actions, queries
from oem.agreements.models import Decision
from oem.agreements.queries import DealershipTerms, LastSeen, Told
from oem.network.queries import dealerships_for


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
        "decision": _decision(one.decision),
        "waiting": one.waiting or None,
        "terms": [
            {
                "contract": term.term.contract,
                "purpose": str(term.purpose),
                "asked": str(term.term.level),
                "required": term.term.required,
                "told": _told(term.told),
                "last_seen": _seen(term.seen),
            }
            for term in one.terms
        ],
    }


def _decision(one: Decision | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "step": one.step,
        "at": one.at,
        "version": one.version,
        "text_hash": one.text_hash,
        "signed_at": one.signed_at,
        "ends_at": one.ends_at,
        "end_reason": one.end_reason or None,
    }


def _told(told: Told | None) -> dict[str, Any] | None:
    return {"ceiling": str(told.ceiling), "level": str(told.level), "refused": told.refused} if told else None


class TermBody(StrictSerializer):
    """What is asked for one contract and purpose."""

    contract = serializers.CharField(max_length=40)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    level = serializers.ChoiceField(choices=Level.choices)
    required = serializers.BooleanField(default=False)  # type: ignore[assignment]  # a field of that name, not its option
    fields_denied = serializers.ListField(child=serializers.CharField(max_length=80), default=list)
    retention_days = serializers.IntegerField(allow_null=True, default=None)
    recipients = serializers.ListField(child=serializers.CharField(max_length=80), default=list)


class ProposalBody(StrictSerializer):
    """A version and whom it is proposed to. What is left out is as in `base`, by default the newest version.

    `title` and `text` are by language (zh-hans, zh-hant, en); `dealerships` are slugs.
    """

    base = serializers.CharField(max_length=40, required=False)
    version = serializers.CharField(max_length=40, required=False)
    title = serializers.DictField(child=serializers.CharField(max_length=120), required=False)
    text = serializers.DictField(child=serializers.CharField(max_length=20000), required=False)
    terms = TermBody(many=True, required=False)
    notice_days = serializers.IntegerField(required=False, min_value=0, max_value=3650)
    valid_from = serializers.DateField(required=False)
    dealerships = serializers.ListField(child=serializers.SlugField(), allow_empty=False)


class Agreements(ApiView):
    """The agreement in every version, and at each dealership what it told, and the level last seen, of each term.

    A dealership's level is its own: `told` is null before it has told, `last_seen` before the first message.
    """

    required: ClassVar[Required] = {"GET": Right.SHARING_READ, "POST": Right.SHARING_PROPOSE}
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

    @extend_schema(request=ProposalBody, responses={201: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        """Draw a version up and propose it, at once."""
        body = self.checked(ProposalBody)
        slugs = set(body["dealerships"])
        chosen = list(dealerships_for(request.user).filter(slug__in=slugs))
        if len(chosen) != len(slugs):
            raise Invalid({"dealerships": _("There is no such dealership.")}, code="unknown")
        with transaction.atomic():
            base = body.get("base") or queries.versions()[0].version
            draft = actions.draft_proposal(actor=self.actor, base=base)
            terms = [Term.from_json(term) for term in body["terms"]] if "terms" in body else draft.asked
            actions.edit_proposal(
                actor=self.actor,
                proposal=draft,
                title=body.get("title", draft.title),
                text=body.get("text", draft.text),
                terms=terms,
                notice_days=body.get("notice_days", draft.notice_days),
                valid_from=body.get("valid_from", draft.valid_from),
                version=body.get("version"),
            )
            made = actions.propose(actor=self.actor, proposal=draft, dealerships=chosen)
        return Response(_agreement(made.as_text()) | {"id": str(made.id)}, status=status.HTTP_201_CREATED)

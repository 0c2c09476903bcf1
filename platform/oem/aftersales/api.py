"""Service visits and warranty claims in the API of the portal."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required
from kernel.automotive import vin as vins
from kernel.automotive.warranty import ClaimReason
from kernel.errors import Invalid
from oem.aftersales import actions, queries
from oem.aftersales.models import (
    Claim,
    ClaimLine,
    ClaimState,
    Decision,
    DecisionLine,
    Outcome,
    ServiceVisit,
)
from oem.network.models import Dealership


class VisitOut(serializers.ModelSerializer[ServiceVisit]):
    """A service visit as far as it was shared: `withheld` names what was not, `level` says how much was."""

    withheld: Any = serializers.ListField(child=serializers.CharField(), read_only=True)
    jobs = serializers.JSONField(read_only=True)

    class Meta:
        model = ServiceVisit
        fields = (
            "id",
            "dealership",
            "visit_id",
            "vin",
            "kind",
            "opened_at",
            "closed_at",
            "promised_at",
            "odometer_km",
            "jobs",
            "labour_total",
            "parts_total",
            "currency",
            "satisfaction",
            "level",
            "withheld",
            "purpose",
            "agreement_version",
            "event_at",
        )


class LineOut(serializers.ModelSerializer[ClaimLine]):
    class Meta:
        model = ClaimLine
        fields = ("line_id", "kind", "code", "description", "quantity", "unit_price", "amount")


class DecisionLineOut(serializers.ModelSerializer[DecisionLine]):
    class Meta:
        model = DecisionLine
        fields = ("line_id", "outcome", "approved_amount", "reason_code", "reason_text")


class DecisionOut(serializers.ModelSerializer[Decision]):
    lines = DecisionLineOut(many=True, read_only=True)

    class Meta:
        model = Decision
        fields = (
            "id",
            "revision",
            "outcome",
            "approved_total",
            "currency",
            "rule_version",
            "decided_at",
            "decided_by_role",
            "lines",
        )


class SuggestionOut(serializers.Serializer[Any]):
    """What the rules say about a line."""

    line_id = serializers.UUIDField()
    outcome = serializers.ChoiceField(Outcome.choices)
    amount = serializers.DecimalField(max_digits=14, decimal_places=2)
    reasons = serializers.ListField(child=serializers.ChoiceField(ClaimReason.choices))


class ClaimOut(serializers.ModelSerializer[Claim]):
    """A warranty claim: its newest revision. `withheld` names what was not shared."""

    withheld: Any = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Claim
        fields: tuple[str, ...] = (
            "id",
            "dealership",
            "number",
            "state",
            "revision",
            "claim_type",
            "vin",
            "delivery_date",
            "repair_opened_on",
            "repair_closed_on",
            "odometer_km",
            "complaint",
            "cause",
            "correction",
            "fault_code",
            "causal_part",
            "repair_order_number",
            "currency",
            "total",
            "approved_total",
            "level",
            "withheld",
            "submitted_at",
            "decided_at",
        )


class ClaimDetailOut(ClaimOut):
    """The same with its lines, what the rules (of `rule_version`) say about them, and the answers."""

    lines: Any = serializers.SerializerMethodField()
    suggestions: Any = serializers.SerializerMethodField()
    decisions: Any = serializers.SerializerMethodField()
    rule_version: Any = serializers.SerializerMethodField()

    class Meta(ClaimOut.Meta):
        fields = (*ClaimOut.Meta.fields, "rule_version", "lines", "suggestions", "decisions")

    @extend_schema(responses=LineOut(many=True))
    def get_lines(self, claim: Claim) -> Any:
        return LineOut(queries.lines_of(claim), many=True).data

    @extend_schema(responses=SuggestionOut(many=True))
    def get_suggestions(self, claim: Claim) -> Any:
        return SuggestionOut(queries.suggestions_for(claim, queries.lines_of(claim)), many=True).data

    @extend_schema(responses=DecisionOut(many=True))
    def get_decisions(self, claim: Claim) -> Any:
        return DecisionOut(queries.decisions_of(claim), many=True).data

    @extend_schema(responses=serializers.CharField())
    def get_rule_version(self, claim: Claim) -> str:
        return queries.pack_for(claim).version


class AnswerIn(StrictSerializer):
    """The answer to one line; `approved_amount` for partly_approved, `reason_code` unless approved."""

    line_id = serializers.UUIDField()
    outcome = serializers.ChoiceField(Outcome.choices)
    approved_amount = serializers.DecimalField(max_digits=14, decimal_places=2, required=False, allow_null=True)
    reason_code = serializers.ChoiceField(ClaimReason.choices, required=False, allow_blank=True)
    reason_text = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class DecideIn(StrictSerializer):
    """`revision` is the one that was looked at; a newer one makes it a conflict."""

    revision = serializers.IntegerField(min_value=1, required=False)
    lines = AnswerIn(many=True)


def _narrowed(rows: QuerySet[Any], request: Request) -> QuerySet[Any]:
    """The filters that both lists share: `dealership` (its slug) and `vin`."""
    slug = request.query_params.get("dealership")
    if slug is not None:
        found = Dealership.objects.filter(slug=slug).first()
        if found is None:
            raise Invalid({"dealership": _("There is no such dealership.")}, code="unknown")
        rows = rows.filter(dealership=found.id)
    if "vin" in request.query_params:
        rows = rows.filter(vin=vins.normalise(request.query_params["vin"]))
    return rows


_FILTERS = [OpenApiParameter("dealership", str, description="Slug of a dealership."), OpenApiParameter("vin", str)]


class VisitList(ApiView):
    """Service visits that dealerships shared."""

    required: ClassVar[Required] = {"GET": Right.SERVICE_READ}
    scope = "service-visits"
    ordering = ("-event_at", "id")

    @extend_schema(parameters=_FILTERS, responses=VisitOut(many=True))
    def get(self, request: Request) -> Response:
        """Visits, newest first."""
        return self.page(_narrowed(queries.visible_visits(request.user), request), VisitOut)


class VisitDetail(ApiView):
    """One service visit."""

    required: ClassVar[Required] = {"GET": Right.SERVICE_READ}
    scope = "service-visits"

    @extend_schema(responses=VisitOut)
    def get(self, request: Request, id: str) -> Response:
        """One visit."""
        return Response(VisitOut(queries.access_visit_for_reading(id, request.user)).data)


class ClaimList(ApiView):
    """Warranty claims of the network."""

    required: ClassVar[Required] = {"GET": Right.CLAIMS_READ}
    scope = "warranty-claims"
    ordering = ("submitted_at", "id")

    @extend_schema(
        parameters=[*_FILTERS, OpenApiParameter("state", str, enum=ClaimState.values)],
        responses=ClaimOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Claims, the longest waiting first."""
        rows = _narrowed(queries.visible_claims(request.user), request)
        return self.page(by_choice(rows, request, state=ClaimState), ClaimOut)


class ClaimDetail(ApiView):
    """One warranty claim."""

    required: ClassVar[Required] = {"GET": Right.CLAIMS_READ}
    scope = "warranty-claims"

    @extend_schema(responses=ClaimDetailOut)
    def get(self, request: Request, id: str) -> Response:
        """One claim with lines, suggestions and answers."""
        return Response(ClaimDetailOut(queries.access_claim_for_reading(id, request.user)).data)


class ClaimDecide(ApiView):
    """Deciding one warranty claim."""

    required: ClassVar[Required] = {"POST": Right.CLAIMS_DECIDE}
    scope = "warranty-claims"

    @extend_schema(request=DecideIn, responses=ClaimDetailOut)
    def post(self, request: Request, id: str) -> Response:
        """Answer the newest revision, line by line; the answer goes down to the dealership."""
        claim = queries.access_claim_for_deciding(id, request.user)
        actions.decide_claim(actor=self.actor, claim_id=claim.pk, **self.checked(DecideIn))
        return Response(ClaimDetailOut(queries.access_claim_for_reading(id, request.user)).data)

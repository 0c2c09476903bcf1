"""Warranty claims in the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.warranty import actions, queries
from dealer.warranty.models import Claim, ClaimLine, ClaimState, ClaimType, Decision
from dealer.workshop.queries import access_order_for_reading
from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required
from kernel.automotive import vin as vins
from kernel.errors import Invalid, Missing


class ClaimLineOut(serializers.ModelSerializer[ClaimLine]):
    class Meta:
        model = ClaimLine
        fields = ("id", "kind", "code", "description", "quantity", "unit_price", "amount", "causal")


class DecisionOut(serializers.ModelSerializer[Decision]):
    """An answer of the manufacturer; `counts` is false for one to a revision that was replaced."""

    lines = serializers.JSONField(read_only=True)

    class Meta:
        model = Decision
        fields = (
            "id",
            "revision",
            "outcome",
            "approved_total",
            "currency",
            "rule_version",
            "decided_by_role",
            "decided_at",
            "counts",
            "lines",
        )


class ClaimOut(serializers.ModelSerializer[Claim]):
    """A claim on the manufacturer."""

    number = serializers.CharField(source="__str__", read_only=True)
    vin = serializers.CharField(source="repair_order.vehicle.vin", read_only=True)

    class Meta:
        model = Claim
        fields: tuple[str, ...] = (
            "id",
            "number",
            "state",
            "revision",
            "claim_type",
            "vin",
            "repair_order",
            "complaint",
            "cause",
            "correction",
            "fault_code",
            "currency",
            "total",
            "approved_total",
            "created_at",
            "submitted_at",
            "decided_at",
        )


class ClaimDetailOut(ClaimOut):
    """The same with lines and decisions."""

    lines = ClaimLineOut(many=True, read_only=True)
    decisions = DecisionOut(many=True, read_only=True)

    class Meta(ClaimOut.Meta):
        fields = (*ClaimOut.Meta.fields, "lines", "decisions")


class ClaimIn(StrictSerializer):
    """Which repair order to make claims of."""

    repair_order = serializers.UUIDField()


class LineChangeIn(StrictSerializer):
    id = serializers.UUIDField()
    description = serializers.CharField(max_length=200, required=False)
    quantity = serializers.DecimalField(max_digits=8, decimal_places=2, required=False, min_value=Decimal("0.01"))
    unit_price = serializers.DecimalField(max_digits=12, decimal_places=2, required=False, min_value=Decimal(0))
    causal = serializers.BooleanField(required=False)


class SubmitIn(StrictSerializer):
    """Corrections made together with the submission; all may be left out."""

    claim_type = serializers.ChoiceField(ClaimType.choices, required=False)
    complaint = serializers.CharField(max_length=2000, required=False)
    cause = serializers.CharField(max_length=2000, required=False)
    correction = serializers.CharField(max_length=2000, required=False)
    fault_code = serializers.CharField(max_length=40, required=False)
    lines = LineChangeIn(many=True, required=False)


class ClaimList(ApiView):
    """Warranty claims."""

    required: ClassVar[Required] = {"GET": Right.CLAIMS_READ, "POST": Right.CLAIMS_WRITE}
    scope = "warranty-claims"
    ordering = ("-created_at", "id")

    @extend_schema(
        parameters=[OpenApiParameter("state", str, enum=ClaimState.values), OpenApiParameter("vin", str)],
        responses=ClaimOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """Claims, newest first."""
        return self.page(_narrowed(queries.visible_claims(request.user), request), ClaimOut)

    @extend_schema(request=ClaimIn, responses={201: ClaimDetailOut(many=True)})
    def post(self, request: Request) -> Response:
        """Draft claims of a closed repair order, one for each job with warranty lines that has none yet."""
        wanted = self.checked(ClaimIn)["repair_order"]
        try:
            order = access_order_for_reading(wanted, request.user)
        except Missing:
            raise Invalid({"repair_order": _("There is no such repair order here.")}, code="unknown") from None
        made = actions.draft_claims_from(actor=self.actor, order=order)
        rows = queries.visible_claims(request.user).filter(pk__in=[claim.pk for claim in made])
        data = ClaimDetailOut(rows.prefetch_related("lines", "decisions"), many=True).data
        return Response({"results": data, "next": None}, status=status.HTTP_201_CREATED)


def _narrowed(rows: QuerySet[Claim], request: Request) -> QuerySet[Claim]:
    rows = by_choice(rows, request, state=ClaimState)
    if "vin" in request.query_params:
        rows = rows.filter(repair_order__vehicle__vin=vins.normalise(request.query_params["vin"]))
    return rows


class ClaimDetail(ApiView):
    """One warranty claim."""

    required: ClassVar[Required] = {"GET": Right.CLAIMS_READ}
    scope = "warranty-claims"

    @extend_schema(responses=ClaimDetailOut)
    def get(self, request: Request, id: str) -> Response:
        """One claim with its lines and the answers to it."""
        return Response(ClaimDetailOut(queries.access_claim_for_reading(id, request.user)).data)


class ClaimSubmit(ApiView):
    """Submitting one warranty claim."""

    required: ClassVar[Required] = {"POST": Right.CLAIMS_WRITE}
    scope = "warranty-claims"

    @extend_schema(request=SubmitIn, responses=ClaimDetailOut)
    def post(self, request: Request, id: str) -> Response:
        """Send a claim up (again); corrections in the body are made first, all or nothing."""
        claim = queries.access_claim_for_writing(id, request.user)
        data: dict[str, Any] = self.checked(SubmitIn) if request.data else {}
        actions.correct_and_submit(actor=self.actor, claim=claim, **data)
        return Response(ClaimDetailOut(queries.access_claim_for_reading(id, request.user)).data)

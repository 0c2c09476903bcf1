"""The lead hub's API: intake, reading, and the desk's decisions."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.problems import ApiProblem
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView
from kernel.automotive import regions
from oem.leads import actions, queries
from oem.leads.adf import MAX_BYTES, TooLarge
from oem.leads.models import Door, Lead, LeadState
from oem.network.models import Dealership


class Bytes(BaseParser):
    """Takes a document as it is; what it says of itself is only a hint."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read()


class IntakeLead(serializers.Serializer):
    """One lead of an intake."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=LeadState.choices)
    issues = serializers.ListField(child=serializers.DictField())


class IntakeAnswer(serializers.Serializer):
    """The receipt, and the leads that were made."""

    receipt = serializers.UUIDField()
    leads = IntakeLead(many=True)


def _answer(intake: Any, leads: list[Lead]) -> Response:
    body = {
        "receipt": str(intake.id),
        "leads": [{"id": str(lead.id), "state": lead.state, "issues": lead.issues} for lead in leads],
    }
    return Response(body, status=status.HTTP_202_ACCEPTED)


class IntakeAdf(ApiView):
    """Leads in ADF 1.0. The bytes are kept whatever they are; routing follows in a worker."""

    required: ClassVar = {"POST": Right.LEADS_ROUTE}
    scope = "intake"
    max_body = MAX_BYTES
    parser_classes = (Bytes,)

    @extend_schema(request={"application/x-adf+xml": OpenApiTypes.STR}, responses={202: IntakeAnswer})
    def post(self, request: Request) -> Response:
        data = request._request.body
        if not data:
            raise ApiProblem("bad_request", _("The body is empty. Send the ADF document as the body."))
        try:
            intake, leads = actions.take_in_adf(
                data=data,
                content_type=request.content_type or "",
                source=request.user.name,
                actor=self.actor,
            )
        except TooLarge as error:
            raise ApiProblem("too_large") from error
        return _answer(intake, leads)


def _region(level: regions.Level) -> Any:
    class Region(serializers.CharField):
        """A code of GB/T 2260 or a name; stored as the code."""

        def to_internal_value(self, data: Any) -> str:
            text = super().to_internal_value(data)
            found = regions.find_region(text, level=level) if text else None
            if text and found is None:
                raise serializers.ValidationError(_("This place is not known. Give its name or its GB/T 2260 code."))
            return found.code if found else ""

    return Region(required=False, allow_blank=True, max_length=60)


class IntakeLeadBody(StrictSerializer):
    """A lead in JSON. A phone number or an e-mail address is needed; everything else helps routing."""

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    preferred_time = serializers.CharField(max_length=40, required=False, allow_blank=True)
    brand = serializers.CharField(max_length=80, required=False, allow_blank=True)
    series = serializers.CharField(max_length=80, required=False, allow_blank=True)
    model = serializers.CharField(max_length=120, required=False, allow_blank=True)
    interest = serializers.ChoiceField(["buy", "lease", "sell", "trade-in", "test-drive"], default="buy")
    wish_text = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    province = _region("province")
    city = _region("city")
    district = _region("district")
    budget = serializers.DecimalField(max_digits=14, decimal_places=2, min_value=0, required=False, allow_null=True)
    budget_currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)
    window_from = serializers.DateField(required=False, allow_null=True)
    window_to = serializers.DateField(required=False, allow_null=True)
    vendor_name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    channel = serializers.CharField(max_length=40, required=False)
    consent_basis = serializers.CharField(max_length=40, required=False)
    consent_text_version = serializers.CharField(max_length=40, required=False)
    collected_at = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not (attrs.get("phone") or attrs.get("email")):
            text = _("Give a phone number or an e-mail address, so that the dealership can answer.")
            raise serializers.ValidationError({"phone": text})
        start, end = attrs.get("window_from"), attrs.get("window_to")
        if start and end and end < start:
            raise serializers.ValidationError({"window_to": _("The end of the purchase window lies before its start.")})
        return attrs


class IntakeJson(ApiView):
    """One lead in JSON."""

    required: ClassVar = {"POST": Right.LEADS_ROUTE}
    scope = "intake"

    @extend_schema(request=IntakeLeadBody, responses={202: IntakeAnswer})
    def post(self, request: Request) -> Response:
        given = self.checked(IntakeLeadBody)
        intake, leads = actions.take_in_lead(given=given, door=Door.JSON, source=request.user.name, actor=self.actor)
        return _answer(intake, leads)


class LeadRow(serializers.ModelSerializer):
    """A lead in a list."""

    dealership = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields: tuple[str, ...] = (
            "id",
            "number",
            "state",
            "name",
            "phone",
            "email",
            "channel",
            "source",
            "brand",
            "series",
            "model",
            "interest",
            "province",
            "city",
            "district",
            "wish_text",
            "dealership",
            "received_at",
            "offered_at",
            "respond_before",
            "accepted_at",
            "first_response_seconds",
            "temperature",
        )

    def get_dealership(self, lead: Lead) -> str | None:
        return self._slug(lead.dealership)

    def _slug(self, dealership: UUID | None) -> str | None:
        return self._slugs().get(dealership) if dealership else None

    def _slugs(self) -> dict[UUID, str]:
        context = cast(dict[str, Any], self.context)
        if "slugs" not in context:
            context["slugs"] = dict(Dealership.objects.values_list("id", "slug"))
        return context["slugs"]


class LeadDetail(LeadRow):
    """A lead with the explanation of its routing, its lease and its timeline."""

    routing = serializers.SerializerMethodField()
    lease = serializers.SerializerMethodField()
    timeline = serializers.SerializerMethodField()
    duplicates = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()

    class Meta(LeadRow.Meta):
        fields: tuple[str, ...] = (
            *LeadRow.Meta.fields,
            "preferred_time",
            "budget",
            "budget_currency",
            "window_from",
            "window_to",
            "vendor_name",
            "consent_basis",
            "consent_text_version",
            "collected_at",
            "issues",
            "close_reason",
            "routing",
            "lease",
            "timeline",
            "duplicates",
            "lines",
        )

    def get_routing(self, lead: Lead) -> dict[str, Any] | None:
        decision = lead.routings.order_by("-number").first()
        if decision is None:
            return None
        best = next((c for c in decision.candidates if c["dealership"] == str(decision.chosen)), None)
        return {
            "candidates": [c["slug"] for c in decision.candidates if c["excluded"] is None],
            "scores": {c["slug"]: c["score"] for c in decision.candidates},
            "excluded": {c["slug"]: c["excluded"] for c in decision.candidates if c["excluded"]},
            "rules": best["rules"] if best else [],
            "chosen": self._slug(decision.chosen),
            "reason": decision.reason,
            "rules_version": decision.rules_version,
            "decided_by": decision.decided_by,
            "at": decision.at,
        }

    def get_lease(self, lead: Lead) -> dict[str, Any] | None:
        offer = next(iter(sorted(lead.offers.all(), key=lambda o: -o.fence)), None)
        if offer is None:
            return None
        return {
            "state": offer.state,
            "fence": offer.fence,
            "dealership": self._slug(offer.dealership),
            "offered_at": offer.offered_at,
            "respond_before": offer.respond_before,
            "answered_at": offer.answered_at,
            "reason": offer.reason,
        }

    def get_timeline(self, lead: Lead) -> list[dict[str, Any]]:
        return [
            {
                "code": event.code,
                "at": event.at,
                "dealership": self._slug(event.dealership),
                "by": event.by,
                "reason": event.reason,
                "text": event.text,
            }
            for event in lead.events.all()
        ]

    def get_duplicates(self, lead: Lead) -> list[str]:
        others = [str(id_) for id_ in lead.duplicates.values_list("id", flat=True)]
        return [str(lead.duplicate_of_id), *others] if lead.duplicate_of_id else others

    def get_lines(self, lead: Lead) -> list[dict[str, Any]]:
        names = ("interest", "status", "brand", "model", "variant", "year", "vin", "odometer_km", "price", "currency")
        return [{name: getattr(line, name) for name in names} for line in lead.lines.all()]


class Leads(ApiView):
    """All leads, newest first; `?state=`, `?dealership=` (slug) and `?q=` (name, phone, number) narrow the list."""

    required: ClassVar = {"GET": Right.LEADS_READ}
    scope = "leads"

    @extend_schema(
        parameters=[
            OpenApiParameter("state", str, enum=LeadState.values),
            OpenApiParameter("dealership", str, description="Slug of a dealership"),
            OpenApiParameter("q", str, description="Part of a name, a telephone number or its end, a lead's number"),
        ],
        responses={200: LeadRow(many=True)},
    )
    def get(self, request: Request) -> Response:
        found = queries.filtered(
            by_choice(queries.leads_for(request.user), request, state=LeadState),
            dealership=request.query_params.get("dealership", ""),
            text=request.query_params.get("q", ""),
        )
        return self.page(found, LeadRow)


class LeadView(ApiView):
    """One lead."""

    required: ClassVar = {"GET": Right.LEADS_READ}
    scope = "leads"

    @extend_schema(responses={200: LeadDetail})
    def get(self, request: Request, lead_id: UUID) -> Response:
        return Response(LeadDetail(queries.access_lead_for_reading(lead_id, request.user), context={}).data)


class RouteBody(StrictSerializer):
    """Where to; without a dealership the rules decide."""

    dealership = serializers.SlugRelatedField(slug_field="slug", queryset=Dealership.objects.all(), required=False)
    reason = serializers.CharField(max_length=400, required=False, allow_blank=True, default="")


class RouteLead(ApiView):
    """Route a lead that nobody holds."""

    required: ClassVar = {"POST": Right.LEADS_ROUTE}
    scope = "leads"

    @extend_schema(request=RouteBody, responses={200: LeadDetail})
    def post(self, request: Request, lead_id: UUID) -> Response:
        queries.access_lead_for_routing(lead_id, request.user)
        given = self.checked(RouteBody)
        target = given.get("dealership")
        actions.route_by_hand(
            lead_id=lead_id, dealership=target.id if target else None, reason=given["reason"], actor=self.actor
        )
        return Response(LeadDetail(queries.access_lead_for_reading(lead_id, request.user), context={}).data)


class ReassignBody(RouteBody):
    """To whom, and why."""

    dealership = serializers.SlugRelatedField(slug_field="slug", queryset=Dealership.objects.all())


class ReassignLead(ApiView):
    """Take a lead from the dealership that holds it and offer it to another."""

    required: ClassVar = {"POST": Right.LEADS_ROUTE}
    scope = "leads"

    @extend_schema(request=ReassignBody, responses={200: LeadDetail})
    def post(self, request: Request, lead_id: UUID) -> Response:
        queries.access_lead_for_routing(lead_id, request.user)
        given = self.checked(ReassignBody)
        actions.reassign(lead_id=lead_id, dealership=given["dealership"].id, reason=given["reason"], actor=self.actor)
        return Response(LeadDetail(queries.access_lead_for_reading(lead_id, request.user), context={}).data)


class CloseBody(StrictSerializer):
    """Why it ends."""

    reason = serializers.CharField(max_length=200)


class CloseLead(ApiView):
    """End a lead at the desk."""

    required: ClassVar = {"POST": Right.LEADS_ROUTE}
    scope = "leads"

    @extend_schema(request=CloseBody, responses={200: LeadDetail})
    def post(self, request: Request, lead_id: UUID) -> Response:
        queries.access_lead_for_routing(lead_id, request.user)
        actions.close_lead(lead_id=lead_id, reason=self.checked(CloseBody)["reason"], actor=self.actor)
        return Response(LeadDetail(queries.access_lead_for_reading(lead_id, request.user), context={}).data)

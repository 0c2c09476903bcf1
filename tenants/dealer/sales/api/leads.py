"""Leads of the manufacturer in the API of a dealership."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.sales import actions, queries
from dealer.sales.actions.leads import REPORTABLE
from dealer.sales.models import DeclineReason, Lead, LeadMilestone, LeadState, LostReason
from kernel.accounts.roles import Right
from kernel.api import problems
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView, Required

problems.register(
    "too_late",
    409,
    _("The time to accept this lead is over"),
    _("Offers end by the dealership's own clock. Take another."),
)
problems.register(
    "already_taken", 409, _("Somebody else has this lead"), _("A colleague was faster. Take another offer.")
)

WORK = (Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL)


class PersonRef(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class LeadOut(serializers.ModelSerializer[Lead]):
    """A lead as this person may see it.

    `name`, `phone` and `email` are null until acceptance; `masked_name` stands for the name until then. Of a lead that
    was declined, expired or recalled a stub without personal data is left. `known_by` says by what the person was a
    customer already when the offer came (phone, email, vin; empty: by nothing; null: not looked up, or a stub).
    """

    car = serializers.CharField(read_only=True)
    consultant = PersonRef(read_only=True, allow_null=True)
    name: Any = serializers.SerializerMethodField()
    phone: Any = serializers.SerializerMethodField()
    email: Any = serializers.SerializerMethodField()
    prospect: Any = serializers.SerializerMethodField()
    customer: Any = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields: tuple[str, ...] = (
            "id",
            "fence",
            "state",
            "offered_at",
            "respond_before",
            "channel",
            "source",
            "car",
            "brand",
            "series",
            "model",
            "interest",
            "wish",
            "province",
            "city",
            "district",
            "budget",
            "budget_currency",
            "window_from",
            "window_to",
            "preferred_time",
            "lines",
            "known_by",
            "consent_basis",
            "consent_text_version",
            "collected_at",
            "masked_name",
            "name",
            "phone",
            "email",
            "consultant",
            "assignment",
            "answered_at",
            "first_contact_at",
            "decline_reason",
            "prospect",
            "customer",
            "updated_at",
        )

    @staticmethod
    def _prospect(lead: Lead) -> Any:
        if lead.is_offered or lead.state in ("declined", "expired", "recalled"):
            return None
        return getattr(lead, "prospect", None)

    def _of_customer(self, lead: Lead, name: str) -> str | None:
        prospect = self._prospect(lead)
        return (getattr(prospect.customer, name) or None) if prospect else None

    def get_name(self, lead: Lead) -> str | None:
        return self._of_customer(lead, "name")

    def get_phone(self, lead: Lead) -> str | None:
        return self._of_customer(lead, "phone")

    def get_email(self, lead: Lead) -> str | None:
        return self._of_customer(lead, "email")

    @extend_schema(responses=OpenApiTypes.UUID)
    def get_prospect(self, lead: Lead) -> str | None:
        prospect = self._prospect(lead)
        return str(prospect.pk) if prospect else None

    @extend_schema(responses=OpenApiTypes.UUID)
    def get_customer(self, lead: Lead) -> str | None:
        prospect = self._prospect(lead)
        return str(prospect.customer_id) if prospect else None


class MilestoneOut(serializers.ModelSerializer[LeadMilestone]):
    class Meta:
        model = LeadMilestone
        fields = ("event", "at", "by_name")


class LeadDetailOut(LeadOut):
    """With what was reported of it to the manufacturer, oldest first."""

    timeline = MilestoneOut(many=True, source="milestones", read_only=True)

    class Meta(LeadOut.Meta):
        fields: tuple[str, ...] = (*LeadOut.Meta.fields, "timeline")


class AcceptanceOut(LeadDetailOut):
    """`linked`: the customer was known already by this telephone number."""

    linked = serializers.BooleanField()

    class Meta(LeadDetailOut.Meta):
        fields: tuple[str, ...] = (*LeadDetailOut.Meta.fields, "linked")


class DeclineIn(StrictSerializer):
    reason = serializers.ChoiceField(choices=DeclineReason.choices)
    text = serializers.CharField(max_length=300, required=False, allow_blank=True)


class OutcomeIn(StrictSerializer):
    """`reason` is needed for `lost`: one of the reasons why a prospect does not buy."""

    event = serializers.ChoiceField(choices=[str(event) for event in REPORTABLE])
    at = serializers.DateTimeField(required=False)
    reason = serializers.ChoiceField(choices=LostReason.choices, required=False, allow_blank=True)
    text = serializers.CharField(max_length=300, required=False, allow_blank=True)


class AssignIn(StrictSerializer):
    consultant = serializers.UUIDField()


class LeadList(ApiView):
    """The manufacturer's leads at this dealership."""

    required: ClassVar[Required] = {"GET": Right.LEADS_READ}
    scope = "leads"
    ordering = ("-offered_at", "id")

    @extend_schema(parameters=[OpenApiParameter("state", str, enum=LeadState.values)], responses=LeadOut(many=True))
    def get(self, request: Request) -> Response:
        """Leads, newest offer first: open offers and one's own, or everyone's with the right to work all."""
        return self.page(by_choice(queries.visible_leads(request.user), request, state=LeadState), LeadOut)


class LeadDetail(ApiView):
    """One lead."""

    required: ClassVar[Required] = {"GET": Right.LEADS_READ}
    scope = "leads"

    @extend_schema(responses=LeadDetailOut)
    def get(self, request: Request, id: str) -> Response:
        """One lead; what names a person only after acceptance."""
        return Response(LeadDetailOut(queries.access_lead_for_reading(id, request.user)).data)


class LeadAccept(ApiView):
    """Accept a lead."""

    required: ClassVar[Required] = {"POST": WORK}
    scope = "leads"

    @extend_schema(request=None, responses=AcceptanceOut)
    def post(self, request: Request, id: str) -> Response:
        """200 is final. 409 `too_late` or `already_taken`. Asking again gives the same answer."""
        lead = queries.access_lead_for_answering(id, request.user)
        done = actions.accept_lead(actor=self.actor, lead_id=lead.pk)
        found = queries.visible_leads(request.user).get(pk=lead.pk)
        vars(found)["linked"] = done.linked
        return Response(AcceptanceOut(found).data)


class LeadDecline(ApiView):
    """Decline a lead."""

    required: ClassVar[Required] = {"POST": WORK}
    scope = "leads"

    @extend_schema(request=DeclineIn, responses=LeadDetailOut)
    def post(self, request: Request, id: str) -> Response:
        """Give an offer back with a reason; nothing that names the person is kept."""
        lead = queries.access_lead_for_answering(id, request.user)
        lead = actions.decline_lead(actor=self.actor, lead_id=lead.pk, **self.checked(DeclineIn))
        return Response(LeadDetailOut(lead).data)


class LeadOutcomeView(ApiView):
    """Report a milestone of an accepted lead."""

    required: ClassVar[Required] = {"POST": WORK}
    scope = "leads"

    @extend_schema(request=OutcomeIn, responses=LeadDetailOut)
    def post(self, request: Request, id: str) -> Response:
        """For dealerships that work in another system; our own pages report by themselves."""
        lead = queries.access_lead_for_working(id, request.user)
        actions.record_outcome(actor=self.actor, lead_id=lead.pk, **self.checked(OutcomeIn))
        return Response(LeadDetailOut(queries.access_lead_for_working(id, request.user)).data)


class LeadAssign(ApiView):
    """Give a lead to another consultant."""

    required: ClassVar[Required] = {"POST": Right.LEADS_WORK_ALL}
    scope = "leads"

    @extend_schema(request=AssignIn, responses=LeadDetailOut)
    def post(self, request: Request, id: str) -> Response:
        """By a sales manager."""
        lead = queries.access_lead_for_assigning(id, request.user)
        actions.assign_lead(actor=self.actor, lead_id=lead.pk, consultant_id=self.checked(AssignIn)["consultant"])
        return Response(LeadDetailOut(queries.access_lead_for_assigning(id, request.user)).data)

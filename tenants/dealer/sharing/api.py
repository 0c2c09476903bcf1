"""The API of sharing."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.sharing import actions, previews, queries, words
from dealer.sharing.models import Agreement, For, Grant, How, LevelChange, Reading
from exchange import explaining, outbound
from exchange.chain import queries as chain
from exchange.models import Ledger, LedgerState
from kernel.accounts.roles import Right
from kernel.api.filters import by_choice
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView
from kernel.contracts import Level, Purpose
from kernel.errors import Invalid


class AgreementRow(serializers.ModelSerializer[Agreement]):
    """One version of the agreement. `title` and `text` are by language."""

    class Meta:
        model = Agreement
        fields = (
            "id",
            "version",
            "state",
            "title",
            "text",
            "terms",
            "text_hash",
            "notice_days",
            "manufacturer_name",
            "published_on",
            "received_at",
            "signed_at",
            "signed_by_name",
            "valid_from",
            "ends_at",
            "end_reason",
        )


class EndBody(StrictSerializer):
    """A notice, and why it is given."""

    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class SignBody(StrictSerializer):
    """A signature: the hash of the text that was read, and the dealership's ceilings by contract, or by contract and
    purpose as ``Owner/customer_care``. A line at nothing is refused."""

    text_hash = serializers.CharField(max_length=64)
    ceilings = serializers.DictField(child=serializers.ChoiceField(choices=Level.choices), required=False)


class LevelRow(serializers.ModelSerializer[Grant]):
    """What is in force for one contract and purpose."""

    level = serializers.CharField()
    agreement = serializers.CharField(source="agreement.version")

    class Meta:
        model = Grant
        fields = ("contract", "purpose", "level", "template", "ceiling", "required", "agreement", "changed_at")


class LevelBody(StrictSerializer):
    """A change of the dealership's ceiling."""

    contract = serializers.CharField(max_length=40)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    level = serializers.ChoiceField(choices=Level.choices)
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ChangeRow(serializers.ModelSerializer[LevelChange]):
    """A change of a level; `stopped` is how many waiting messages it stopped."""

    class Meta:
        model = LevelChange
        fields = ("id", "before", "after", "stopped", "at", "by_name", "agreement_version", "note")


class PreviewBody(StrictSerializer):
    """What to try: a level for a contract, on up to `limit` of the latest own records."""

    contract = serializers.CharField(max_length=40)
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False)
    level = serializers.ChoiceField(choices=Level.choices)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=previews.MOST)


class PreviewAnswer(serializers.Serializer[Any]):
    """What the gate says. `released` and `withheld` are numbers of records by field; `example` is the latest record."""

    records = serializers.IntegerField()
    sent = serializers.IntegerField()
    counted = serializers.IntegerField()
    kept = serializers.IntegerField()
    named = serializers.IntegerField()
    released = serializers.DictField(child=serializers.IntegerField())
    withheld = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))
    example = serializers.DictField(allow_null=True)


class MessageRow(serializers.ModelSerializer[Ledger]):
    """A line of the ledger. `subject` is the subject in words; `withheld` maps fields to codes of reasons."""

    subject = serializers.CharField(source="subject_label")

    class Meta:
        model = Ledger
        fields: tuple[str, ...] = (
            "id",
            "number",
            "contract",
            "version",
            "subject",
            "purpose",
            "agreement_version",
            "level",
            "released",
            "withheld",
            "state",
            "reason",
            "commitment",
            "event_at",
            "recorded_at",
            "delivered_at",
            "applied_at",
        )


class Explained(MessageRow):
    """A line of the ledger with the rules that decided it, in sentences, and each withheld field's reason in words.
    `recomputed_level` is worked out again from the stored rules; `withheld_told` is what the manufacturer was told."""

    recomputed_level = serializers.SerializerMethodField()
    withheld_told = serializers.SerializerMethodField()
    rules = serializers.SerializerMethodField()
    withheld_in_words = serializers.SerializerMethodField()

    class Meta(MessageRow.Meta):
        fields: tuple[str, ...] = (
            *MessageRow.Meta.fields,
            "recomputed_level",
            "rules",
            "withheld_in_words",
            "withheld_told",
        )

    def get_recomputed_level(self, row: Ledger) -> str:
        return str(explaining.level_of(row.path))

    def get_withheld_told(self, row: Ledger) -> dict[str, str]:
        """Empty for what never left."""
        return {path: outbound.told(code) for path, code in row.withheld.items()} if row.released else {}

    def get_rules(self, row: Ledger) -> list[str]:
        return words.path_in_words(row.path)

    def get_withheld_in_words(self, row: Ledger) -> dict[str, str]:
        return {path: words.reason_label(code) for path, code in row.withheld.items()}


class PlaceRow(serializers.Serializer[Any]):
    """Where a line stands in the sealed chain, counted from 1; `anchored_at` is null until the other side has it."""

    place = serializers.IntegerField()
    batch = serializers.IntegerField()
    sealed_at = serializers.DateTimeField()
    anchored_at = serializers.DateTimeField(allow_null=True)


class OneMessageAnswer(Explained):
    """The same with what left, as it left (null once it is no longer kept), and its place in the chain."""

    payload = serializers.SerializerMethodField()
    chain = serializers.SerializerMethodField()

    class Meta(Explained.Meta):
        fields: tuple[str, ...] = (*Explained.Meta.fields, "payload", "chain")

    @extend_schema_field(PlaceRow(allow_null=True))
    def get_chain(self, row: Ledger) -> dict[str, Any] | None:
        found = chain.place_of(row)
        return PlaceRow(found).data if found else None

    def get_payload(self, row: Ledger) -> dict[str, Any] | None:
        found = queries.payload_of(row)
        return found.body if found else None


class Agreements(ApiView):
    """Every version that this dealership has received."""

    required: ClassVar = {"GET": Right.SHARING_READ}
    scope = "sharing"

    @extend_schema(responses=AgreementRow(many=True))
    def get(self, request: Request) -> Response:
        return self.page(queries.agreements(), AgreementRow)


class Signature(ApiView):
    """Signing a version."""

    required: ClassVar = {"POST": Right.SHARING_CHANGE}
    scope = "sharing"

    @extend_schema(request=SignBody, responses=AgreementRow)
    def post(self, request: Request, id: str) -> Response:
        agreement = queries.access_agreement_for_signing(id, request.user)
        body = self.checked(SignBody)
        signed = actions.sign_agreement(
            actor=self.actor, agreement=agreement, ceilings=body.get("ceilings"), text_hash=body["text_hash"]
        )
        return Response(AgreementRow(signed).data)


class Notice(ApiView):
    """Ending an agreement: at once what is not required, the rest when the notice is over."""

    required: ClassVar = {"POST": Right.SHARING_CHANGE}
    scope = "sharing"

    @extend_schema(request=EndBody, responses=AgreementRow)
    def post(self, request: Request, id: str) -> Response:
        found = queries.access_agreement_for_signing(id, request.user)
        actions.end_agreement(actor=self.actor, agreement=found, **self.checked(EndBody))
        found.refresh_from_db()
        return Response(AgreementRow(found).data)


class Levels(ApiView):
    """The levels in force, and changing one."""

    required: ClassVar = {"GET": Right.SHARING_READ, "POST": Right.SHARING_CHANGE}
    scope = "sharing"

    @extend_schema(responses=LevelRow(many=True))
    def get(self, request: Request) -> Response:
        return self.page(Grant.objects.select_related("agreement"), LevelRow)

    @extend_schema(request=LevelBody, responses={201: ChangeRow})
    def post(self, request: Request) -> Response:
        change = actions.change_level(actor=self.actor, **self.checked(LevelBody))
        return Response(ChangeRow(change).data, status=status.HTTP_201_CREATED)


class Previews(ApiView):
    """What a level would let out of the dealership's own latest records. Nothing is sent."""

    required: ClassVar = {"POST": Right.SHARING_READ}
    scope = "sharing"

    @extend_schema(request=PreviewBody, responses=PreviewAnswer)
    def post(self, request: Request) -> Response:
        body = self.checked(PreviewBody)
        grants = Grant.objects.select_related("agreement").filter(contract=body["contract"])
        if "purpose" in body:
            grants = grants.filter(purpose=body["purpose"])
        grant = grants.first()
        if grant is None:
            raise Invalid({"contract": _("The agreement does not name this kind of data.")}, code="unknown_contract")
        found = previews.preview(grant, Level(body["level"]), limit=body["limit"])
        example = found.examples[0].released if found.examples else None
        answer = {
            "records": found.records,
            "sent": found.sent,
            "counted": found.counted,
            "kept": found.kept,
            "named": found.named,
            "released": dict(found.released),
            "withheld": {path: {str(why): n for why, n in reasons.items()} for path, reasons in found.withheld.items()},
            "example": example,
        }
        return Response(answer)


def _day(request: Request, name: str) -> date | None:
    """A day of the query string. Raises Invalid."""
    value = request.query_params.get(name)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise Invalid({name: _("Enter the date as year-month-day, for example 2026-11-03.")}, code="date") from None


class LedgerRows(ApiView):
    """What left this dealership, what stayed, and why; newest first."""

    required: ClassVar = {"GET": Right.SHARING_READ}
    scope = "sharing"
    ordering = ("-number",)

    @extend_schema(
        responses=MessageRow(many=True),
        parameters=[
            OpenApiParameter("contract", str),
            OpenApiParameter("state", str, enum=LedgerState.values),
            OpenApiParameter("level", str, enum=Level.values),
            OpenApiParameter("purpose", str, enum=Purpose.values),
            OpenApiParameter("customer", str, description="Id of a customer: the messages about this one only"),
            OpenApiParameter("since", str, description="First day on which it happened (ISO 8601)"),
            OpenApiParameter("until", str, description="Last day on which it happened (ISO 8601)"),
        ],
    )
    def get(self, request: Request) -> Response:
        rows = queries.visible_ledger(request.user).defer("path")
        customer = request.query_params.get("customer")
        if customer is not None:
            try:
                rows = queries.messages_about(UUID(customer), request.user).defer("path")
            except ValueError:
                raise Invalid({"customer": _("Enter the id of the customer.")}, code="id") from None
        rows = rows.filter(queries.happened(*(_day(request, name) for name in ("since", "until"))))
        choices = (
            ("contract", None),
            ("state", LedgerState.values),
            ("level", Level.values),
            ("purpose", Purpose.values),
        )
        for name, allowed in choices:
            value = request.query_params.get(name)
            if value is None:
                continue
            if "\x00" in value or (allowed is not None and value not in allowed):
                raise Invalid({name: _("Choose one of the values offered.")}, code="choice")
            rows = rows.filter(**{name: value})
        return self.page(rows, MessageRow)


class ReadingRow(serializers.ModelSerializer[Reading]):
    """One time that somebody at the manufacturer looked. `reader` is the manufacturer's own id of the person,
    `owner_keys` are ids of customers here (or codes), `searched_by` is what a list was narrowed by."""

    class Meta:
        model = Reading
        fields = (
            "id",
            "at",
            "reader",
            "reader_role",
            "reading_for",
            "how",
            "of",
            "purpose",
            "rows",
            "searched_by",
            "vin",
            "owner_keys",
            "recorded_at",
        )


class ReadingRows(ApiView):
    """Who at the manufacturer looked at what was shared; newest first."""

    required: ClassVar = {"GET": Right.SHARING_READ}
    scope = "sharing"
    ordering = ("-number",)

    @extend_schema(
        responses=ReadingRow(many=True),
        parameters=[
            OpenApiParameter("how", str, enum=How.values),
            OpenApiParameter("reading_for", str, enum=For.values),
        ],
    )
    def get(self, request: Request) -> Response:
        rows = by_choice(queries.visible_readings(request.user), request, how=How, reading_for=For)
        return self.page(rows, ReadingRow)


class OneMessage(ApiView):
    """One line of the ledger with what left, as it left."""

    required: ClassVar = {"GET": Right.SHARING_READ}
    scope = "sharing"

    @extend_schema(responses=OneMessageAnswer)
    def get(self, request: Request, id: str) -> Response:
        return Response(OneMessageAnswer(queries.access_message_for_reading(id, request.user)).data)


class HeadsAnswer(serializers.Serializer[Any]):
    """The days of which there is a signed head of this ledger, newest first; when the whole was checked last, and
    what was found (empty when it is whole). Both are null before the first check."""

    days = serializers.ListField(child=serializers.DateField())
    checked_at = serializers.DateTimeField(allow_null=True)
    findings = serializers.ListField(child=serializers.DictField(), allow_null=True)


class SignedHeads(ApiView):
    """Days on which the head of this ledger was signed, and the last check of the whole."""

    required: ClassVar = {"GET": Right.SHARING_READ}
    scope = "sharing"

    @extend_schema(operation_id="sharing_ledger_heads_list", responses=HeadsAnswer)
    def get(self, request: Request) -> Response:
        check = chain.last_check()
        said = {"checked_at": check and check.finished_at, "findings": check and check.findings}
        return Response(HeadsAnswer({"days": chain.signed_days(), **said}).data)


class OneSignedHead(ApiView):
    """The signed head of a day, as text. 404 when there is none."""

    required: ClassVar = {"GET": Right.SHARING_READ}
    scope = "sharing"

    @extend_schema(responses={(200, "text/plain"): str})
    def get(self, request: Request, day: str) -> HttpResponse:
        return HttpResponse(chain.signed_head(day).document, content_type="text/plain; charset=us-ascii")


class Explanation(ApiView):
    """Who can see a record, and why: every message about it, with its rules in sentences."""

    required: ClassVar = {"GET": Right.SHARING_READ}
    scope = "sharing"
    ordering = ("-number",)

    @extend_schema(
        responses=Explained(many=True),
        parameters=[OpenApiParameter("record", str, required=True, description="Id of a customer, sale, visit …")],
    )
    def get(self, request: Request) -> Response:
        try:
            record = UUID(request.query_params.get("record", ""))
        except ValueError:
            raise Invalid({"record": _("Enter the id of the record.")}, code="id") from None
        return self.page(queries.messages_about(record, request.user), Explained)

"""The API of backfills: sharing the records of before."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from dealer.organisation.queries import profile
from dealer.sharing import actions, queries, tasks
from dealer.sharing.models import Backfill
from kernel.accounts.roles import Right
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView
from kernel.contracts import Purpose


class BackfillRow(serializers.ModelSerializer[Backfill]):
    """One backfill and how far it is, in records."""

    contract = serializers.CharField(source="grant.contract")
    purpose = serializers.CharField(source="grant.purpose")

    class Meta:
        model = Backfill
        fields = (
            *("id", "contract", "purpose", "since", "state", "total", "looked_at", "sent", "known", "kept"),
            *("started_at", "started_by_name", "ended_at"),
        )


class BackfillBody(StrictSerializer):
    """Which records are shared afterwards, and since which local day."""

    contract = serializers.CharField(max_length=40)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    since = serializers.DateField()


class Backfills(ApiView):
    """Every backfill, newest first, and beginning one. 409 when one is under way, or the level lets no record leave."""

    required: ClassVar = {"GET": Right.SHARING_READ, "POST": Right.SHARING_CHANGE}
    scope = "sharing"

    @extend_schema(responses=BackfillRow(many=True))
    def get(self, request: Request) -> Response:
        return self.page(Backfill.objects.select_related("grant"), BackfillRow)

    @extend_schema(request=BackfillBody, responses={201: BackfillRow})
    def post(self, request: Request) -> Response:
        body: dict[str, Any] = self.checked(BackfillBody)
        grant = queries.access_grant_of(body["contract"], body["purpose"], request.user)
        backfill = actions.start_backfill(actor=self.actor, grant=grant, since=body["since"])
        tasks.ask_for_backfill(profile().id)
        return Response(BackfillRow(backfill).data, status=status.HTTP_201_CREATED)


class StopBackfill(ApiView):
    """Ending a backfill where it is; what left stays. 409 when it is over."""

    required: ClassVar = {"POST": Right.SHARING_CHANGE}
    scope = "sharing"

    @extend_schema(request=None, responses=BackfillRow)
    def post(self, request: Request, id: str) -> Response:
        backfill = queries.access_backfill_for_stopping(id, request.user)
        return Response(BackfillRow(actions.stop_backfill(actor=self.actor, backfill=backfill)).data)

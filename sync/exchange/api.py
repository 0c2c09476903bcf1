"""The exchange by API: how it is, and a person's decisions. Never a payload."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from exchange import failures, health, inbox, reconciling, words
from exchange.models import Inbox
from exchange.views import detail_for
from kernel import clock
from kernel.accounts.roles import Right
from kernel.api.serializers import StrictSerializer
from kernel.api.views import ApiView


class Side(serializers.Serializer[Any]):
    """What waits in one direction."""

    waiting = serializers.IntegerField()
    oldest_seconds = serializers.IntegerField(allow_null=True)


class Outgoing(Side):
    unanswered = serializers.IntegerField()
    refused_there = serializers.IntegerField()


class Incoming(Side):
    blocked = serializers.IntegerField()
    stuck = serializers.IntegerField()


class StuckMessage(serializers.Serializer[Any]):
    """A message that needs a decision."""

    id = serializers.UUIDField()
    contract = serializers.CharField()
    sender = serializers.UUIDField()
    subject = serializers.UUIDField()
    seq = serializers.IntegerField()
    state = serializers.CharField()
    reason = serializers.CharField()
    explanation = serializers.CharField()
    detail = serializers.CharField()
    attempts = serializers.IntegerField()
    event_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()


class MemberOut(serializers.Serializer[Any]):
    """One dealership as the portal sees it."""

    slug = serializers.CharField()
    waiting = serializers.IntegerField()
    oldest_seconds = serializers.IntegerField(allow_null=True)
    refused_there = serializers.IntegerField()
    stuck = serializers.IntegerField()
    heard_at = serializers.DateTimeField(allow_null=True)


class FailureOut(serializers.Serializer[Any]):
    """What is wrong, by a stable code, and what to do."""

    code = serializers.CharField()
    title = serializers.CharField()
    what_to_do = serializers.CharField()


class DifferenceOut(serializers.Serializer[Any]):
    """A message that the two sides do not agree on."""

    message = serializers.UUIDField()
    contract = serializers.CharField()
    difference = serializers.CharField()
    way = serializers.CharField()


class ComparisonOut(serializers.Serializer[Any]):
    """The last comparison with another member; `differences` are the first of `found`."""

    member = serializers.UUIDField()
    at = serializers.DateTimeField()
    compared = serializers.IntegerField()
    found = serializers.IntegerField()
    differences = DifferenceOut(many=True)
    wanted_at = serializers.DateTimeField(allow_null=True)
    replayed_at = serializers.DateTimeField(allow_null=True)
    replayed = serializers.IntegerField()


class StatusOut(serializers.Serializer[Any]):
    """The exchange as this member sees it; `members` on the portal only."""

    well = serializers.BooleanField()
    summary = serializers.ListField(child=serializers.CharField())
    outgoing = Outgoing()
    incoming = Incoming()
    last_hour = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()))
    stuck = StuckMessage(many=True)
    members = MemberOut(many=True)
    failures = FailureOut(many=True)
    comparisons = ComparisonOut(many=True)


def _age(since: Any) -> int | None:
    return None if since is None else max(0, int((clock.now() - since).total_seconds()))


def stuck_out(row: Inbox, user: Any) -> dict[str, Any]:
    """A stuck message for whoever asks."""
    return {
        "id": row.id,
        "contract": row.contract,
        "sender": row.sender,
        "subject": row.subject,
        "seq": row.seq,
        "state": row.state,
        "reason": row.reason,
        "explanation": words.reason(row.reason),
        "detail": detail_for(row, user),
        "attempts": row.attempts,
        "event_at": row.event_at,
        "received_at": row.received_at,
    }


class Status(ApiView):
    """What waits, what is stuck and what moved in the last hour."""

    required: ClassVar = {"GET": Right.EXCHANGE_READ}
    scope = "exchange"

    @extend_schema(responses={200: StatusOut})
    def get(self, request: Request) -> Response:
        figures = health.health()
        members = health.members() if health.is_portal() else []
        compared = health.comparisons()
        body = {
            "well": figures.well,
            "summary": figures.sentences(),
            "outgoing": {
                "waiting": figures.outgoing,
                "oldest_seconds": _age(figures.outgoing_since),
                "unanswered": figures.unanswered,
                "refused_there": figures.refused_there,
            },
            "incoming": {
                "waiting": figures.incoming,
                "oldest_seconds": _age(figures.incoming_since),
                "blocked": figures.blocked,
                "stuck": figures.stuck,
            },
            "last_hour": health.last_hour(),
            "stuck": [stuck_out(row, request.user) for row in health.stuck_messages()[:100]],
            "members": [
                {
                    "slug": member.slug,
                    "waiting": member.waiting,
                    "oldest_seconds": _age(member.waiting_since),
                    "refused_there": member.refused_there,
                    "stuck": member.stuck_here,
                    "heard_at": member.heard_at,
                }
                for member in members
            ],
            "failures": failures.present(figures, members, compared),
            "comparisons": compared,
        }
        return Response(StatusOut(body).data)


class RetryMessage(ApiView):
    """Let a stuck message be tried again. 409 when it needs no decision."""

    required: ClassVar = {"POST": Right.EXCHANGE_REPAIR}
    scope = "exchange"

    @extend_schema(request=None, responses={200: StuckMessage})
    def post(self, request: Request, id: UUID) -> Response:
        inbox.retry(id, actor=self.actor)
        return Response(StuckMessage(stuck_out(Inbox.objects.get(id=id), request.user)).data)


class SkipBody(StrictSerializer):
    """Why it is left aside."""

    reason = serializers.CharField(max_length=200)


class SkipMessage(ApiView):
    """Leave a stuck message aside for good. 409 when it needs no decision."""

    required: ClassVar = {"POST": Right.EXCHANGE_REPAIR}
    scope = "exchange"

    @extend_schema(request=SkipBody, responses={200: StuckMessage})
    def post(self, request: Request, id: UUID) -> Response:
        inbox.skip(id, reason=self.checked(SkipBody)["reason"], actor=self.actor)
        return Response(StuckMessage(stuck_out(Inbox.objects.get(id=id), request.user)).data)


class ReplayDifferences(ApiView):
    """Have exactly the differences with a member mended, within seconds. 404 when it was never compared."""

    required: ClassVar = {"POST": Right.EXCHANGE_REPAIR}
    scope = "exchange"

    @extend_schema(request=None, responses={202: ComparisonOut})
    def post(self, request: Request, member: UUID) -> Response:
        row = reconciling.ask_to_replay(member, actor=self.actor)
        return Response(ComparisonOut(row).data, status=202)

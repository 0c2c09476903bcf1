"""A small API on the accounts' own tables, for the tests of the API's base."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpResponse
from django.urls import include, path
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from kernel import clock
from kernel.accounts.models import OutboxMail, User
from kernel.accounts.roles import Right
from kernel.api.problems import ApiProblem
from kernel.api.serializers import StrictModelSerializer, StrictSerializer
from kernel.api.views import ApiView
from kernel.errors import Conflict, IllegalTransition, Invalid, Missing, TooMany


class LineIn(StrictSerializer):
    code = serializers.CharField(max_length=5)


class LetterIn(StrictSerializer):
    to = serializers.EmailField()
    subject = serializers.CharField(max_length=20)
    copies = serializers.IntegerField(required=False, min_value=1)
    lines = LineIn(many=True, required=False)
    id = serializers.UUIDField(read_only=True)


class PersonOut(StrictModelSerializer):
    class Meta:
        model = User
        fields = ("id", "login", "role")


class Tags(StrictSerializer):
    tags = serializers.ListField(child=serializers.CharField())


class PersonName(StrictSerializer):
    name = serializers.CharField()


class Letters(ApiView):
    """Mails of the outbox."""

    required: ClassVar[Any] = {"GET": Right.LEADS_READ, "POST": (Right.LEADS_WORK_ALL, Right.PEOPLE_MANAGE)}
    scope = "leads"
    max_body = 2000
    serializer_class = LetterIn

    def get(self, request: Any) -> Response:
        return Response({"count": OutboxMail.objects.count()})

    def post(self, request: Any) -> Response:
        data = self.checked(LetterIn)
        mail = OutboxMail.objects.create(to=data["to"], subject=data["subject"], body="", at=clock.now())
        if data["subject"] == "broken":
            raise Conflict("already_taken")
        if data["subject"] == "refused":
            return Response({"no": "thanks"}, status=status.HTTP_409_CONFLICT)
        return Response(
            {"id": str(mail.pk), "by": self.actor.name},
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/letters/{mail.pk}"},
        )


class People(ApiView):
    required: ClassVar[Any] = {"GET": None}
    ordering = ("-role", "id")

    def get(self, request: Any) -> Response:
        """People, by role."""
        return self.page(User.objects.all(), PersonOut)


class Closed(ApiView):
    """Declares nothing, so it is open to nobody."""

    def get(self, request: Any) -> Response:
        return Response({})


class Raw(ApiView):
    """Answers with bytes of its own and takes a list."""

    required: ClassVar[Any] = {"GET": None, "POST": None}
    ordering = ("name",)

    def get(self, request: Any) -> Response:
        return self.page(User.objects.values("name", "id"), PersonName)

    def post(self, request: Any) -> HttpResponse:
        self.checked(Tags)
        return HttpResponse(b"raw bytes", content_type="text/plain", status=202)


class Few(ApiView):
    required: ClassVar[Any] = {"GET": None}
    calls_per_minute = 2

    def get(self, request: Any) -> Response:
        return Response({})


class Broken(ApiView):
    required: ClassVar[Any] = {"GET": None}
    errors: ClassVar[dict[str, Exception]] = {
        "missing": Missing(),
        "conflict": Conflict("somebody_was_faster", "Somebody was faster."),
        "transition": IllegalTransition(User(), "new", "done"),
        "invalid": Invalid({"vin": "The VIN has 17 characters.", "": "Nothing fits."}, code="vin_length"),
        "too_many": TooMany(7),
        "key": ApiProblem("idempotency_key_invalid"),
        "django404": Http404("secret detail of the code"),
        "django403": PermissionDenied("secret detail of the code"),
        "django413": RequestDataTooBig("secret detail of the code"),
        "drf503": APIException("secret detail of the code"),
        "bug": ZeroDivisionError("secret detail of the code"),
    }

    def get(self, request: Any, kind: str) -> Response:
        raise self.errors[kind]


urlpatterns = [
    path("", include("kernel.accounts.urls")),
    path("api/", include("kernel.api.urls")),
    path("api/v1/letters", Letters.as_view()),
    path("api/v1/people", People.as_view()),
    path("api/v1/closed", Closed.as_view()),
    path("api/v1/raw", Raw.as_view()),
    path("api/v1/few", Few.as_view()),
    path("api/v1/broken/<str:kind>", Broken.as_view()),
]
handler400 = "kernel.ui.errors.bad_request"
handler403 = "kernel.ui.errors.forbidden"
handler404 = "kernel.ui.errors.not_found"
handler500 = "kernel.ui.errors.server_error"

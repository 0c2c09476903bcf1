"""The base of every API view, and the pages that describe the API."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from kernel.accounts.access import open_to_all
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.api.pagination import CursorPages
from kernel.api.problems import PROBLEMS, ApiProblem
from kernel.errors import Missing
from kernel.idempotency.once import idempotent
from kernel.tenancy.limits import check_storage
from kernel.tenancy.middleware import MembersRequest

Required = Mapping[str, Right | tuple[Right, ...] | None]


class ApiView(APIView):
    """A view of the API. It declares what it needs and is closed otherwise:

    - `required = {"GET": Right.X, "POST": (Right.Y, Right.Z)}`: one of the rights opens the method; None: everyone
      signed in; a method that is not named is refused.
    - `scope = "leads"`: tokens need `leads:read` for GET and `leads:write` for the rest.
    - `max_body`: bytes of a request's body.

    Every `post` honours `Idempotency-Key`. Raise `kernel.errors`; they become problems.
    """

    required: ClassVar[Required] = {}
    scope: ClassVar[str] = ""
    max_body: ClassVar[int] = 1024 * 1024
    pagination_class = CursorPages

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "post" in cls.__dict__:
            type.__setattr__(cls, "post", idempotent(cls.__dict__["post"]))

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = super().as_view(**initkwargs)
        vars(view)["required_rights"] = cls.required
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if int(request.META.get("CONTENT_LENGTH") or 0) > self.max_body:
            raise ApiProblem("too_large")
        _ = request._request.body  # kept, so that Idempotency-Key can compare bytes after parsing
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            check_storage(cast(MembersRequest, request._request).tenant)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @property
    def actor(self) -> Actor:
        """The person who calls, as the actor of actions."""
        return Actor.of(self.request.user)

    def checked(self, serializer_class: type[Any], **context: Any) -> Any:
        """The request's body, checked by a serializer. Raises ValidationError (422)."""
        serializer = serializer_class(
            data=self.request.data, context={"view": self, "request": self.request, **context}
        )
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def created(self, data: Any, id: Any) -> Response:
        """The answer to a POST that made something: 201 with its address."""
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": f"/api/v1/{self.scope}/{id}"})

    def page(self, queryset: Any, serializer_class: type[Any], **context: Any) -> Response:
        """One page of a list, as the answer."""
        pages = self.pagination_class()
        rows = pages.paginate_queryset(queryset, self.request, view=self)
        data = serializer_class(rows, many=True, context={"view": self, "request": self.request, **context}).data
        return pages.get_paginated_response(data)


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1 of this host's API."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer,
        OpenApiYamlRenderer2,
    ]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # The portal and a dealership offer different addresses; the schema is that of the host asked.
        self.urlconf = getattr(request._request, "urlconf", None) or settings.ROOT_URLCONF
        return super().get(request, *args, **kwargs)


class DocsView(SpectacularSwaggerSplitView):
    """The schema as a page, with Swagger UI served from here."""

    authentication_classes = ()
    permission_classes = ()
    url_name = "api_schema"
    title = "Dealernet"
    template_name = "api/docs.html"


@open_to_all
@require_safe
def problems(request: HttpRequest) -> HttpResponseBase:
    """All kinds of problems."""
    return render(
        request, "api/problems.html", {"problems": sorted(PROBLEMS.values(), key=lambda p: (p.status, p.code))}
    )


@open_to_all
@require_safe
def problem(request: HttpRequest, code: str) -> HttpResponseBase:
    """One kind of problem: the page that its `type` names."""
    if code not in PROBLEMS:
        raise Missing()
    return render(request, "api/problem.html", {"problem": PROBLEMS[code]})

"""For everything under /api/: refuses what is too large to read, and gives every error the form of a problem."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation

from kernel.api import problems

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class ProblemMiddleware:
    """Stands right inside the binding, around everything that may fail.

    Also refuses, for pages too, addresses with a NUL character: PostgreSQL has no text that could match them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return self._refuse(request, 400, "bad_request")
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            return self._refuse(request, 411, "length_required")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit():
            return self._refuse(request, 400, "bad_request")
        if int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return self._refuse(request, 413, "too_large")
        response = self.get_response(request)
        is_problem = response.headers.get("Content-Type", "").startswith((problems.MEDIA_TYPE, "application/json"))
        if response.status_code >= 400 and not is_problem and not request.path_info.startswith("/api/problems"):
            refusal = self._refuse(request, response.status_code)
            if "Retry-After" in response:
                refusal["Retry-After"] = response["Retry-After"]
            return refusal
        return response

    @staticmethod
    def _refuse(request: HttpRequest, status: int, code: str = "") -> HttpResponse:
        language = getattr(request, "LANGUAGE_CODE", "") or translation.get_language_from_request(request)
        with translation.override(language):
            return problems.plain_response(request, status, code)

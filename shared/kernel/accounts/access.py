"""Who may open a page: `@requires(Right.X)` on views, `find(…)` for objects.

Nobody signed in → the sign-in page, and back. Signed in without the right → the 403 page. An object that one may not
see does not exist (404).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from kernel.accounts.roles import Right
from kernel.errors import Forbidden, Missing

BEFORE_A_FACTOR = frozenset(
    {
        "accounts:factors",
        "accounts:add_app",
        "accounts:add_passkey",
        "accounts:sign_in",
        "accounts:sign_out",
        "set_language",
        "theme_css",
    }
)
"""Views for somebody who must add a second factor before anything else."""

M = TypeVar("M", bound=Model)
View = Callable[Concatenate[HttpRequest, ...], HttpResponseBase]


def safe_next(request: HttpRequest, default: str = "/") -> str:
    """Where to go after signing in: the `next` parameter when it is a path of this host, else `default`."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ok = wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, allowed_hosts=None, require_https=request.is_secure()
    )
    return wanted if ok else default


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The answer to somebody who must sign in first; htmx requests are told to load the whole sign-in page."""
    wanted = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
    if request.headers.get("HX-Request") == "true":
        here = request.headers.get("HX-Current-URL", "")
        wanted = "/" + here.split("/", 3)[3] if here.count("/") >= 3 else "/"
    url = reverse("accounts:sign_in") + ("?" + urlencode({"next": wanted}) if wanted != "/" else "")
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def to_factors(request: HttpRequest) -> HttpResponseBase:
    """The answer to somebody who must add a second factor first."""
    url = reverse("accounts:factors")
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def requires(*rights: Right) -> Callable[[View], View]:
    """Let a view be opened only by people with at least one of the rights; without rights, by everyone signed in."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            if rights and not any(request.user.has(right) for right in rights):
                raise Forbidden(rights[0])
            response = view(request, *args, **kwargs)
            # Pages of signed-in people stay out of every cache (ASVS 14.3.2).
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        vars(guarded)["required_rights"] = rights
        return guarded

    return decorate


def may_open(user: Any, path: str) -> bool:
    """Whether a person has a right that opens the page at a path of the tier in force; for links to other apps' pages.

    It says nothing of the object on that page, which may be another's.
    """
    try:
        rights = getattr(resolve(path).func, "required_rights", None)
    except Resolver404:
        return False
    return not rights or any(user.has(right) for right in rights)


def signed_in(view: View) -> View:
    """Let a view be opened by everyone signed in."""
    return requires()(view)


def open_to_all(view: View) -> View:
    """Mark a view as meant for people who are not signed in; guards that list unprotected views skip it."""
    vars(view)["required_rights"] = None
    return view


def find(visible: QuerySet[M], id: UUID | str, *, lock: bool = False) -> M:
    """Return the object with this id among those that the person may see; with `lock`, its row locked.

    Raises Missing when there is none, and for an id that is not a UUID: denied and unknown look the same.
    """
    try:
        wanted = id if isinstance(id, UUID) else UUID(id)
    except (ValueError, AttributeError, TypeError):
        raise Missing() from None
    rows = visible.select_for_update(of=("self",)) if lock else visible
    found = rows.filter(pk=wanted).first()
    if found is None:
        raise Missing()
    return found

"""Pages of accounts: signing in and out, one's own account, people, and the outbox."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from kernel import clock
from kernel.accounts import actions, known, links, passkeys, queries, throttle
from kernel.accounts.access import open_to_all, requires, safe_next, signed_in
from kernel.accounts.actors import Actor
from kernel.accounts.address import client_address, main_host, may_carry_a_sign_in
from kernel.accounts.devices import device_name
from kernel.accounts.forms import (
    ChangePasswordForm,
    CodeForm,
    CredentialForm,
    ForgottenForm,
    InviteForm,
    NewPasswordForm,
    PersonForm,
    SignInForm,
    TokenForm,
)
from kernel.accounts.models import FactorKind, OutboxMail, Session, User
from kernel.accounts.pages import done, form_page, page
from kernel.accounts.roles import Right
from kernel.accounts.sessions import hash_of
from kernel.errors import Invalid
from kernel.ui.lists import Choice, Column, ListPage, Search

# -- signing in and out


@open_to_all
@sensitive_post_parameters()
@never_cache
@page
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """The sign-in page of this host."""
    if not may_carry_a_sign_in(request):
        return render(request, "accounts/insecure.html", {"host": request.get_host()}, status=403)
    if request.user.is_authenticated:
        return redirect(safe_next(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST":
        step = done(form, lambda **data: (actions.sign_in(request=request, **data),))
        if step:
            return _signed_in(request, step[0])
    return form_page(request, "accounts/sign_in.html", form, next=safe_next(request, ""), demo=settings.DEMO)


def _signed_in(request: HttpRequest, user: User | None) -> HttpResponseBase:
    """After a good step: to the page that was asked for, or to the second step when nobody is signed in yet."""
    wanted = safe_next(request, "")
    if user is None:
        return redirect(reverse("accounts:second_step") + ("?" + urlencode({"next": wanted}) if wanted else ""))
    response = redirect(wanted or "/")
    known.remember(request, response, user.login)
    return response


@open_to_all
@sensitive_post_parameters()
@never_cache
@page
def second_step(request: HttpRequest) -> HttpResponseBase:
    """The second step of signing in, after a right password."""
    user = actions.person_half_way(request)
    if user is None:
        return to_sign_in_again(request)
    code, key = CodeForm(), CredentialForm()
    if "credential" in request.POST:
        key = CredentialForm(request.POST)
        signed_in = done(
            key, lambda credential: actions.second_step_by_passkey(request=request, user=user, credential=credential)
        )
    else:
        code = CodeForm(request.POST or None)
        signed_in = done(code, lambda code: actions.second_step_by_code(request=request, user=user, code=code))
    if signed_in:
        return _signed_in(request, user)
    factors = list(queries.factors_of(user))
    keys = [one for one in factors if one.kind == FactorKind.PASSKEY]
    return render(
        request,
        "accounts/second_step.html",
        {
            "form": code,
            "key_form": key,
            "options": passkeys.to_show(request, "second", keys) if keys else "",
            "has_app": len(keys) < len(factors),
            "next": safe_next(request, ""),
        },
        status=422 if code.errors or key.errors else 200,
    )


def to_sign_in_again(request: HttpRequest) -> HttpResponseBase:
    """To the first step: nobody's password was right here within the last minutes."""
    wanted = safe_next(request, "")
    return redirect(reverse("accounts:sign_in") + ("?" + urlencode({"next": wanted}) if wanted else ""))


@open_to_all
@sensitive_post_parameters()
@never_cache
@page
def passkey(request: HttpRequest) -> HttpResponseBase:
    """Sign in with a passkey alone."""
    if not may_carry_a_sign_in(request):
        return render(request, "accounts/insecure.html", {"host": request.get_host()}, status=403)
    if request.user.is_authenticated:
        return redirect(safe_next(request))
    form = CredentialForm(request.POST or None)
    if request.method == "POST":
        user = done(form, lambda credential: actions.sign_in_by_passkey(request=request, credential=credential))
        if user:
            return _signed_in(request, user)
    # Each page makes a row for its challenge.
    throttle.take(throttle.PASSKEY_PAGE, client_address(request) or "-")
    options = passkeys.to_show(request, "sign-in")
    return form_page(request, "accounts/passkey.html", form, options=options, next=safe_next(request, ""))


@open_to_all
@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """End this sign-in."""
    actions.sign_out(request=request)
    return redirect("accounts:sign_in")


@open_to_all
@never_cache
@page
def forgotten(request: HttpRequest) -> HttpResponseBase:
    """Ask for a reset link; the answer is the same whether or not there is such a person."""
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and done(form, lambda who: actions.ask_for_reset(request=request, who=who)):
        return render(request, "accounts/forgotten_sent.html", {"demo": settings.DEMO, "no_mail": not _carries_mail()})
    return form_page(request, "accounts/forgotten.html", form, no_mail=not _carries_mail())


@open_to_all
@sensitive_post_parameters()
@never_cache
@page
def link(request: HttpRequest, text: str) -> HttpResponseBase:
    """Choose a password by an invitation or a reset link."""
    try:
        person, purpose = links.person_of_link(text)
    except Invalid as refusal:
        return render(request, "accounts/link_invalid.html", {"refusal": refusal}, status=404)
    form = NewPasswordForm(request.POST or None)

    def act(password: str, again: str) -> User:
        return actions.set_password_by_link(link=text, password=password)

    if request.method == "POST" and done(form, act):
        messages.success(request, _("Your password is set. Please sign in."))
        return redirect("accounts:sign_in")
    return form_page(request, "accounts/link.html", form, person=person, purpose=purpose)


@open_to_all
@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Switch the language: remembered for the person and in a cookie, then back to the page."""
    language = request.POST.get("language", "")
    response = HttpResponseRedirect(safe_next(request))
    if language not in dict(settings.LANGUAGES):
        return response
    if request.user.is_authenticated:
        actions.choose_language(person=request.user, language=language)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return response


# -- one's own account


def _sign_ins(person: User, request: HttpRequest) -> list[dict[str, Any]]:
    key = hash_of(request.session.session_key or "")
    return [
        {"session": row, "device": device_name(row.user_agent), "here": row.key_hash == key}
        for row in queries.sign_ins_of(person)
    ]


@signed_in
@require_http_methods(["GET", "HEAD"])
def account(request: HttpRequest) -> HttpResponseBase:
    """One's own account: data, sign-ins, tokens."""
    return render(
        request,
        "accounts/account.html",
        {
            "person": request.user,
            "sign_ins": _sign_ins(request.user, request),
            "token_count": _living(request.user),
            "factor_count": queries.factors_of(request.user).count(),
        },
    )


def _living(person: User) -> int:
    return queries.tokens_of(person).filter(revoked_at=None).count()


@signed_in
@sensitive_post_parameters()
@page
def change_password(request: HttpRequest) -> HttpResponseBase:
    """Change one's own password."""
    form = ChangePasswordForm(request.POST or None)

    def act(old: str, password: str, again: str) -> None:
        actions.change_password(
            actor=Actor.of(request.user),
            person=request.user,
            old=old,
            new=password,
            keep_key=request.session.session_key,
        )

    if request.method == "POST" and done(form, act):
        messages.success(request, _("Your password is changed. All other sign-ins have ended."))
        return redirect("accounts:account")
    return form_page(request, "accounts/password.html", form)


@signed_in
@require_POST
def end_sign_in(request: HttpRequest, id: str) -> HttpResponseBase:
    """End one sign-in, one's own or (for managers of people) another's."""
    session: Session = queries.access_sign_in_for_ending(id, request.user)
    actions.end_session(actor=Actor.of(request.user), session=session)
    messages.success(request, _("The sign-in has ended."))
    if session.user_id != request.user.pk:
        return redirect("accounts:person", session.user_id)
    return redirect("accounts:account")


@signed_in
@require_POST
def end_other_sign_ins(request: HttpRequest) -> HttpResponseBase:
    """End all of one's sign-ins but this one."""
    actions.end_sessions(actor=Actor.of(request.user), person=request.user, keep_key=request.session.session_key)
    messages.success(request, _("All other sign-ins have ended."))
    return redirect("accounts:account")


@signed_in
@page
def tokens(request: HttpRequest) -> HttpResponseBase:
    """One's API tokens; a new one is shown once, on the answer to the form."""
    form = TokenForm(request.POST or None, user=request.user)

    def act(name: str, days: str, scopes: list[str]) -> Any:
        return actions.create_token(
            actor=Actor.of(request.user),
            user=request.user,
            name=name,
            scopes=scopes,
            expires_at=clock.now() + timedelta(days=int(days)),
        )

    made = done(form, act) if request.method == "POST" else None
    if made:
        form = TokenForm(user=request.user)
    return form_page(
        request,
        "accounts/tokens.html",
        form,
        made=made[1] if made else "",
        tokens=queries.tokens_of(request.user),
        now=clock.now(),
    )


@signed_in
@require_POST
def revoke_token(request: HttpRequest, id: str) -> HttpResponseBase:
    """Revoke a token, one's own or (for managers of people) another's."""
    token = queries.access_token_for_revoking(id, request.user)
    actions.revoke_token(actor=Actor.of(request.user), token=token)
    messages.success(request, _("The token is revoked."))
    if token.user_id != request.user.pk:
        return redirect("accounts:person", token.user_id)
    return redirect("accounts:tokens")


# -- people


class People(ListPage):
    """Everyone with an account at this tenant."""

    title = gettext_lazy("People")
    ordering = ("name", "id")
    empty_icon = "users"
    columns = (
        Column("name", gettext_lazy("Name"), sort="name", phone="title"),
        Column("login", gettext_lazy("Sign-in name"), sort="login", phone="subtitle"),
        Column("role", gettext_lazy("Role"), value=lambda person: person.get_role_display(), sort="role"),
        Column("email", gettext_lazy("E-mail")),
        Column("phone", gettext_lazy("Phone"), kind="phone", phone="call", leaves=2),
        Column("standing", gettext_lazy("State"), kind="state", tone_kind="account", phone="badge"),
        Column("has_factor", gettext_lazy("Second factor"), kind="bool", leaves=1),
        Column("sign_ins", gettext_lazy("Sign-ins"), kind="number", sort="sign_ins"),
        Column("last_seen", gettext_lazy("Last seen"), kind="ago", sort="last_seen"),
    )
    filters = (
        Search(fields=("name", "login", "email", "phone"), placeholder=gettext_lazy("Name, sign-in name, e-mail")),
        Choice("role", gettext_lazy("Role"), choices=lambda: [(r.value, r.label) for r in queries.tier_roles()]),
        Choice(
            "active",
            gettext_lazy("State"),
            field="is_active",
            choices=(("True", gettext_lazy("Active")), ("False", gettext_lazy("Retired"))),
        ),
    )

    def get_queryset(self) -> Any:
        return queries.people()

    def row_url(self, row: User) -> str:
        return f"/people/{row.pk}/"

    @property
    def actions(self) -> Any:
        return (
            {"label": _("Invite someone"), "url": "/people/invite/", "icon": "user-plus"},
            {
                "label": _("Second factors"),
                "url": "/people/second-factors/",
                "icon": "shield-check",
                "variant": "plain",
            },
        )


people = requires(Right.PEOPLE_MANAGE)(People.as_view())


@requires(Right.PEOPLE_MANAGE)
@page
def invite(request: HttpRequest) -> HttpResponseBase:
    """Add a person and invite them."""
    form = InviteForm(request.POST or None)
    actor = Actor.of(request.user)

    def act(**data: Any) -> tuple[User, str]:
        return actions.add_and_invite(actor=actor, host=main_host(request), secure=request.is_secure(), **data)

    added = done(form, act) if request.method == "POST" else None
    if added:
        return _after_invitation(request, *added)
    return form_page(request, "accounts/invite.html", form)


def _carries_mail() -> bool:
    """Whether a mail reaches somebody: by a mail server, or by the demo's page."""
    return bool(settings.SENDS_MAIL or settings.DEMO)


def _after_invitation(request: HttpRequest, person: User, url: str) -> HttpResponseBase:
    if person.email and _carries_mail():
        messages.success(request, _("The invitation is on its way to %(email)s.") % {"email": person.email})
        return redirect("accounts:person", person.pk)
    return render(request, "accounts/invited.html", {"person": person, "url": url})


@requires(Right.PEOPLE_MANAGE)
@page
def person(request: HttpRequest, id: str) -> HttpResponseBase:
    """One person: change data and role, see sign-ins and tokens, retire."""
    shown = queries.access_person_for_managing(id, request.user)
    initial = {name: getattr(shown, name) for name in ("name", "role", "email", "phone", "language")}
    form = PersonForm(request.POST or None, initial=initial)
    actor = Actor.of(request.user)

    def act(**data: Any) -> User:
        return actions.change_person(actor=actor, person=shown, **data)

    if request.method == "POST" and done(form, act):
        messages.success(request, _("Saved."))
        return redirect("accounts:person", shown.pk)
    return form_page(
        request,
        "accounts/person.html",
        form,
        person=shown,
        sign_ins=_sign_ins(shown, request),
        tokens=queries.tokens_of(shown).filter(revoked_at=None),
        factor_count=queries.factors_of(shown).count(),
        may_reset=shown.pk != request.user.pk and actions.may_give(actor, shown.role),
        may_retire=shown.is_active and shown.pk != request.user.pk,
        may_invite=shown.is_active and not shown.has_usable_password() and actions.may_give(actor, shown.role),
    )


@requires(Right.PEOPLE_MANAGE)
@require_POST
def invite_again(request: HttpRequest, id: str) -> HttpResponseBase:
    """Send a new invitation to somebody without a password."""
    shown = queries.access_person_for_managing(id, request.user)
    url = actions.invite(
        actor=Actor.of(request.user), person=shown, host=main_host(request), secure=request.is_secure()
    )
    return _after_invitation(request, shown, url)


@requires(Right.PEOPLE_MANAGE)
@require_POST
def retire(request: HttpRequest, id: str) -> HttpResponseBase:
    """Retire a person."""
    shown = queries.access_person_for_managing(id, request.user)
    actions.retire_person(actor=Actor.of(request.user), person=shown)
    messages.success(request, _("The account is retired. All sign-ins and tokens have ended."))
    return redirect("accounts:person", shown.pk)


@requires(Right.PEOPLE_MANAGE)
@require_POST
def reinstate(request: HttpRequest, id: str) -> HttpResponseBase:
    """Let a retired person come back."""
    shown = queries.access_person_for_managing(id, request.user)
    actions.reinstate_person(actor=Actor.of(request.user), person=shown)
    messages.success(request, _("The account is active again. Send an invitation next."))
    return redirect("accounts:person", shown.pk)


@requires(Right.PEOPLE_MANAGE)
@require_POST
def end_sign_ins(request: HttpRequest, id: str) -> HttpResponseBase:
    """End all sign-ins of a person."""
    shown = queries.access_person_for_managing(id, request.user)
    actions.end_sessions(actor=Actor.of(request.user), person=shown)
    messages.success(request, _("All sign-ins have ended."))
    return redirect("accounts:person", shown.pk)


# -- the outbox


class Mails(ListPage):
    """What this host has sent, and what waits. Without the text: it holds a link that is for one person alone."""

    title = gettext_lazy("Outbox")
    ordering = ("-at", "id")
    empty_icon = "mail"
    empty_title = gettext_lazy("No mail yet")
    columns = (
        Column("at", gettext_lazy("When"), kind="datetime", sort="at", phone="subtitle"),
        Column("subject", gettext_lazy("Subject"), phone="title"),
        Column("to", gettext_lazy("To"), sort="to"),
        Column("state", gettext_lazy("State"), kind="state", tone_kind="mail", sort="state", phone="badge"),
        Column("attempts", gettext_lazy("Attempts"), kind="number"),
        Column("reason", gettext_lazy("The mail server said"), value=lambda mail: _said(mail)),
        Column("sent_at", gettext_lazy("Sent"), kind="datetime"),
    )
    filters = (
        Search(fields=("to", "subject"), placeholder=gettext_lazy("Address, subject")),
        Choice("state", gettext_lazy("State"), choices=OutboxMail.State),
    )

    def get_queryset(self) -> Any:
        return OutboxMail.objects.all()

    @property
    def subtitle(self) -> Any:
        if settings.SENDS_MAIL:
            return _("A mail that cannot be sent is tried again for two days.")
        return _("No mail server is set up: nothing is sent. Invitations are handed over as links.")


def _said(mail: OutboxMail) -> str:
    if mail.state == OutboxMail.State.FAILED and not mail.reason:
        return _("Nobody took it within two days.")
    return mail.reason


mails = requires(Right.PEOPLE_MANAGE)(Mails.as_view())


@open_to_all
@never_cache
@require_http_methods(["GET", "HEAD"])
def outbox(request: HttpRequest) -> HttpResponseBase:
    """The demo's mails, for everybody: whoever forgot a password must be able to read the link. Elsewhere the list of
    mails and what became of them, for those who manage people."""
    if not settings.DEMO:
        return mails(request)
    return render(request, "accounts/outbox.html", {"mails": OutboxMail.objects.all()[:50]})

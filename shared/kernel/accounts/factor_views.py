"""Pages of second factors: one's own, the rules by role, and taking them from somebody who lost theirs."""

from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from kernel.accounts import actions, passkeys, queries, totp
from kernel.accounts.access import requires, signed_in
from kernel.accounts.actors import Actor
from kernel.accounts.forms import FactorNameForm, FactorRulesForm, NewAppForm, NewPasskeyForm, ProofForm
from kernel.accounts.models import Factor
from kernel.accounts.pages import done, form_page, page
from kernel.accounts.roles import Right, Role

NEW_SECRET_KEY = "_new_app"  # noqa: S105 - the name of an entry of the session


def _layout(request: HttpRequest) -> dict[str, Any]:
    """Somebody who may do nothing else yet sees the page without the navigation."""
    due = request.user.must_add_factor
    return {"layout": "ui/plain.html" if due else "ui/page.html", "due": due}


@signed_in
@require_http_methods(["GET", "HEAD"])
def factors(request: HttpRequest) -> HttpResponseBase:
    """One's own second factors and what is left of the recovery codes."""
    return render(
        request,
        "accounts/factors.html",
        {
            "factors": queries.factors_of(request.user),
            "codes_left": queries.codes_left(request.user),
            **_layout(request),
        },
    )


def _prove(request: HttpRequest, proof: str | None) -> None:
    if proof is not None:
        actions.prove(request=request, proof=proof)


def _added(request: HttpRequest, made: tuple[Factor, list[str]]) -> HttpResponseBase:
    """After adding a factor: the session gets a new key, and with the first factor the recovery codes are shown."""
    request.session.cycle_key()
    _factor, codes = made
    if codes:
        return render(request, "accounts/recovery_codes.html", {"codes": codes, "layout": "ui/plain.html"})
    messages.success(request, _("The second factor is added."))
    return redirect("accounts:factors")


@signed_in
@sensitive_post_parameters()
@never_cache
@page
def add_app(request: HttpRequest) -> HttpResponseBase:
    """Add an authenticator app. The secret waits in the session, sealed, until the app's first code is right."""
    person = request.user
    secret = totp.unseal(request.session.get(NEW_SECRET_KEY, ""), person.pk)
    if secret is None:
        secret = totp.new_secret()
        request.session[NEW_SECRET_KEY] = totp.seal(secret, person.pk)
    form = NewAppForm(request.POST or None, fresh=actions.is_fresh(request), initial={"name": _("My phone")})

    def act(name: str, code: str, proof: str | None = None) -> tuple[Factor, list[str]]:
        _prove(request, proof)
        return actions.add_app(
            actor=Actor.of(person),
            person=person,
            name=name,
            secret=secret,
            code=code,
            keep_key=request.session.session_key,
        )

    made = done(form, act) if request.method == "POST" else None
    if made:
        del request.session[NEW_SECRET_KEY]
        return _added(request, made)
    address = totp.address(secret, person.login, request.get_host())
    return form_page(
        request,
        "accounts/add_app.html",
        form,
        picture=totp.picture(address),
        address=address,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        **_layout(request),
    )


@signed_in
@sensitive_post_parameters()
@never_cache
@page
def add_passkey(request: HttpRequest) -> HttpResponseBase:
    """Add a passkey."""
    person = request.user
    form = NewPasskeyForm(request.POST or None, fresh=actions.is_fresh(request), initial={"name": _("This device")})

    def act(name: str, credential: str, proof: str | None = None) -> tuple[Factor, list[str]]:
        _prove(request, proof)
        key = passkeys.made(request, credential)
        return actions.add_passkey(
            actor=Actor.of(person), person=person, name=name, key=key, keep_key=request.session.session_key
        )

    made = done(form, act) if request.method == "POST" else None
    if made:
        return _added(request, made)
    options = passkeys.to_make(request, person, queries.factors_of(person))
    return form_page(request, "accounts/add_passkey.html", form, options=options, **_layout(request))


@signed_in
@page
def name_factor(request: HttpRequest, id: str) -> HttpResponseBase:
    """Give one of one's own second factors another name."""
    factor = queries.access_factor_of_own(id, request.user)
    form = FactorNameForm(request.POST or None, initial={"name": factor.name})

    def act(name: str) -> None:
        actions.name_factor(actor=Actor.of(request.user), factor=factor, name=name)

    if request.method == "POST" and done(form, act):
        messages.success(request, _("Saved."))
        return redirect("accounts:factors")
    return form_page(request, "accounts/name_factor.html", form, factor=factor)


@signed_in
@sensitive_post_parameters()
@never_cache
@page
def remove_factor(request: HttpRequest, id: str) -> HttpResponseBase:
    """Remove one of one's own second factors, with a proof."""
    factor = queries.access_factor_of_own(id, request.user)
    form = ProofForm(request.POST or None)

    def act(proof: str) -> None:
        actions.prove(request=request, proof=proof)
        actions.remove_factor(actor=Actor.of(request.user), factor=factor)

    if request.method == "POST" and done(form, act):
        request.session.cycle_key()
        messages.success(request, _("The second factor is removed."))
        return redirect("accounts:factors")
    return form_page(request, "accounts/remove_factor.html", form, factor=factor)


@signed_in
@sensitive_post_parameters()
@sensitive_variables("codes")
@never_cache
@page
def recovery_codes(request: HttpRequest) -> HttpResponseBase:
    """Ten new recovery codes, with a proof; shown once, on the answer to the form."""
    form = ProofForm(request.POST or None)

    def act(proof: str) -> list[str]:
        actions.prove(request=request, proof=proof)
        return actions.make_recovery_codes(actor=Actor.of(request.user), person=request.user)

    codes = done(form, act) if request.method == "POST" else None
    if codes:
        return render(request, "accounts/recovery_codes.html", {"codes": codes, "layout": "ui/page.html"})
    return form_page(request, "accounts/new_codes.html", form)


# -- for those who manage people and settings


@requires(Right.PEOPLE_MANAGE)
@require_POST
def reset_factors(request: HttpRequest, id: str) -> HttpResponseBase:
    """Take all second factors from somebody who lost them."""
    shown = queries.access_person_for_managing(id, request.user)
    actions.reset_factors(actor=Actor.of(request.user), person=shown)
    messages.success(request, _("The second factors are gone. The next sign-in needs the password alone."))
    return redirect("accounts:person", shown.pk)


@requires(Right.SETTINGS_MANAGE, Right.PEOPLE_MANAGE)
@page
def rules(request: HttpRequest) -> HttpResponseBase:
    """From which day on each role needs a second factor."""
    actor = Actor.of(request.user)
    form: BaseForm = FactorRulesForm(
        request.POST or None,
        counts=queries.factor_counts(),
        locked={role for role in Role if not actions.may_give(actor, role)},
        initial=queries.factor_days(),
    )

    def act(**days: Any) -> None:
        for role in form.changed_data:
            actions.require_factor(actor=actor, role=role, since=days[role])

    if request.method == "POST" and done(form, act):
        messages.success(request, _("Saved."))
        return redirect("accounts:factor_rules")
    return form_page(request, "accounts/factor_rules.html", form, crumbs=[(_("People"), reverse("accounts:people"))])

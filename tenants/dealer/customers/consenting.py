"""Asking a customer for a consent: the page to read and sign, and the paper to take home."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from dealer.customers import actions, consent_texts, queries, signatures
from dealer.customers.consent_texts import ConsentText
from dealer.customers.models import Consent, ContactWay, Customer, Means, Recipient
from dealer.customers.queries import ConsentLine
from dealer.organisation.queries import profile
from kernel import audit, clock, printing
from kernel.accounts.access import requires
from kernel.accounts.actors import Actor
from kernel.accounts.models import LANGUAGES
from kernel.accounts.roles import Right
from kernel.automotive import phone
from kernel.contracts import FieldClass, Purpose
from kernel.errors import Invalid, Missing
from kernel.ui.forms import Form, PillSelect
from kernel.ui.templatetags.ui import local_text

#: Means that leave something outside the system, which must be findable: the form's number, the note of the call.
WITH_EVIDENCE = frozenset({Means.FORM, Means.CALL, Means.MESSAGE, Means.ONLINE})


class AskForm(Form):
    """What a customer answered. Nothing is chosen beforehand (GDPR art. 7, PIPL art. 14)."""

    channels = forms.MultipleChoiceField(
        label=gettext_lazy("The customer may be reached by"),
        choices=ContactWay.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: by every way."),
    )
    means = forms.ChoiceField(label=gettext_lazy("How it is given"), choices=Means.choices, widget=PillSelect)
    signed_name = forms.CharField(
        label=gettext_lazy("Or type the full name instead of signing"), max_length=120, required=False
    )
    evidence = forms.CharField(
        label=gettext_lazy("Where it is kept"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("Number of the form, or a note of the call."),
    )
    signature = forms.CharField(required=False, widget=forms.HiddenInput, max_length=signatures.MOST_CHARACTERS)

    def clean_signature(self) -> dict[str, Any] | None:
        try:
            return signatures.read(self.cleaned_data["signature"])
        except Invalid as refusal:
            raise forms.ValidationError(refusal.fields["signature"]) from None

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        name = found.pop("signed_name", "").strip()
        if name and not found.get("signature"):
            found["signature"] = {"name": name}
        granted = self.data.get("answer") != "refused"
        means = found.get("means")
        if granted and means == Means.SIGNATURE and not found.get("signature") and "signature" not in self.errors:
            self.add_error("means", _("Let the customer sign in the box, or type the full name."))
        if granted and means in WITH_EVIDENCE and not found.get("evidence"):
            self.add_error("evidence", _("Say where it can be found: the number of the form, or a note of the call."))
        return found


@requires(Right.CUSTOMERS_WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, id: str, purpose: str, recipient: str) -> HttpResponseBase:
    """The text in the customer's language, and the answer to it. One purpose and one recipient a page: PIPL arts. 14
    and 23 want each agreed to by itself."""
    customer = queries.access_customer_for_writing(id, request.user)
    text = consent_texts.text_for(purpose, recipient)
    if text is None:
        raise Missing()
    language = request.GET.get("language", customer.language)
    if language not in dict(LANGUAGES):
        language = customer.language
    form = AskForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        granted = request.POST.get("answer") != "refused"
        actions.record_consent(
            actor=Actor.of(request.user),
            customer=customer,
            purpose=purpose,
            recipient=recipient,
            granted=granted,
            language=language,
            # The text that was on the page: a newer one may have come while the customer read.
            text_version=request.POST.get("text_version") or None,
            **form.cleaned_data,
        )
        messages.success(request, _("The consent is written down.") if granted else _("The refusal is written down."))
        return redirect(reverse("customers:card", args=[customer.pk]) + "#consents")
    context = {
        "customer": customer,
        "form": form,
        "about": (Recipient(recipient).label, Purpose(purpose).label),
        "version": text.version,
        "wording": text.filled(language, actions.text_names(language)),
        "language": language,
        "languages": LANGUAGES,
        "reaches": FieldClass.CONTACT in text.kinds,
    }
    return render(request, "customers/ask.html", context, status=422 if form.errors else 200)


def ways(consent: Consent) -> str:
    """The ways of contact that a consent allows, in words."""
    labels = dict(ContactWay.choices)
    return ", ".join(str(labels[way]) for way in consent.channels if way in labels) or _("every way")


def next_step(lines: Iterable[ConsentLine]) -> ConsentLine | None:
    """The one question to ask about a customer's consents: the first that was never asked, else the first that has
    run out. A refusal or a withdrawal is an answer; nobody is asked again for it."""
    states = {state: [line for line in lines if line.state == state] for state in ("unasked", "expired")}
    return next(iter(states["unasked"] + states["expired"]), None)


def ask_url(customer: Customer, text: ConsentText) -> str:
    return reverse("customers:ask_consent", args=[customer.pk, text.purpose.value, text.recipient])


@requires(Right.CUSTOMERS_READ)
@require_GET
def paper(request: HttpRequest, id: str) -> HttpResponseBase:
    """What the customer agreed to and refused, word for word, as PDF in the customer's language."""
    customer = queries.access_customer_for_reading(id, request.user)
    made = record_pdf(customer)
    after = {"language": customer.language}
    audit.record(actor=Actor.of(request.user), action="customers.print_consents", obj=customer, after=after)
    answer = HttpResponse(made, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="consents-{customer.number}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


def record_pdf(customer: Customer) -> bytes:
    """The consent record of a customer, newest first, in the customer's language."""
    mine, at = profile(), clock.now()
    with translation.override(customer.language):
        data = {
            "about": [
                [_("Customer"), customer.name],
                [_("No."), str(customer.number)],
                [_("Held by"), mine.name],
            ],
            "consents": [_on_paper(row) for row in customer.consents.all()],
            "none": _("Nothing has been agreed to or refused yet."),
            "withdraw_title": _("How to withdraw"),
            "withdraw": _(
                "You can withdraw each consent at any time, for the future, in person or by telephone: %(dealer)s, "
                "%(phone)s. Withdrawing changes nothing for buying or repairing a car."
            )
            % {"dealer": mine.name, "phone": phone.display(mine.phone) or "–"},
        }
        return printing.render(
            "customers/consent_record",
            data,
            title=_("What you have agreed to"),
            issuer=mine.name,
            at=at,
            language=customer.language,
        )


def wording_of(consent: Consent) -> tuple[str, bool]:
    """The text that was agreed to, and whether it is certainly that: rows of release 0.1.0 kept its hash only."""
    if consent.wording is not None:
        return consent.wording, True
    text = consent_texts.text_for(consent.purpose, consent.recipient, consent.text_version)
    if text is None:
        return "", False
    again = text.filled(consent.text_language, actions.text_names(consent.text_language))
    return again, consent_texts.digest(again) == consent.text_hash


def _on_paper(row: Consent) -> dict[str, Any]:
    wording, certain = wording_of(row)
    state = queries.state_of(row, clock.now())
    facts = [
        [_("Answer"), str(STATES[state])],
        [_("Given at") if row.granted else _("Refused at"), local_text(row.given_at)],
        [_("How"), row.get_means_display()],
        [_("Ways of contact"), ways(row)],
        [_("Text"), f"{row.text_version} · {dict(LANGUAGES)[row.text_language]}"],
        [_("Taken by"), row.taken_by_name or "–"],
    ]
    if row.evidence:
        facts.append([_("Where it is kept"), row.evidence])
    if row.expires_at:
        facts.append([_("Valid until"), local_text(row.expires_at)])
    if row.withdrawn_at:
        facts.append([_("Withdrawn at"), local_text(row.withdrawn_at)])
        facts.append([_("Withdrawn by way of"), row.get_withdrawn_means_display()])
    signature = row.signature or {}
    if signature.get("name"):
        facts.append([_("Signed with the name"), signature["name"]])
    return {
        "title": f"{row.get_recipient_display()} · {row.get_purpose_display()}",
        "facts": facts,
        "wording": wording,
        "doubt": "" if certain else _("The names in this text have changed since it was agreed to."),
        "signature": signature if "lines" in signature else None,
        "signature_title": _("Signature"),
    }


#: The states of a consent in words.
STATES = {
    "unasked": gettext_lazy("Not asked yet"),
    "refused": gettext_lazy("Refused"),
    "withdrawn": gettext_lazy("Withdrawn"),
    "expired": gettext_lazy("Expired"),
    "given": gettext_lazy("Agreed"),
}

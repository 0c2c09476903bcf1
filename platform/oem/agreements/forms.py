"""The editor of a version, and whom it is proposed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.contracts import REQUIRABLE, FieldClass, Level, Purpose, Spec
from kernel.contracts.agreements import LANGUAGES, MOST_RETENTION_DAYS, Term, askable
from kernel.contracts.words import field_label
from kernel.ui.forms import DateInput, Form, PillSelect
from oem.agreements import words
from oem.agreements.models import Proposal

_LANGUAGE_NAMES = {"zh-hans": "简体中文", "zh-hant": "繁體中文", "en": "English"}


@dataclass(frozen=True)
class Line:
    """One line of the editor: a kind of data and a purpose, with its fields."""

    contract: str
    purpose: Purpose
    title: str
    level: BoundField
    required: BoundField | None
    more: list[BoundField]
    #: Whether the fields behind "more" say anything, or are wrong.
    open: bool


class ProposalForm(Form):
    """A whole version. What is not right yet is kept: `actions.check_proposal` says what stands in the way."""

    version = forms.CharField(label=_("Version"), max_length=40)
    notice_days = forms.IntegerField(
        label=_("Notice in days"),
        min_value=0,
        max_value=3650,
        help_text=_("So long before it ends either side says so, and a later version is announced."),
    )
    valid_from = forms.DateField(
        label=_("The version before stays until"),
        widget=DateInput,
        help_text=_("At least until this day, and never less than its own notice; who signs sooner has the new one."),
    )

    def __init__(self, proposal: Proposal, data: Any = None) -> None:
        initial: dict[str, Any] = {
            "version": proposal.version,
            "notice_days": proposal.notice_days,
            "valid_from": proposal.valid_from,
        }
        super().__init__(data, initial=initial)
        self._pairs = [(spec, purpose) for spec in askable() for purpose in sorted(spec.purposes)]
        terms = {term.key: term for term in proposal.asked}
        for spec, purpose in self._pairs:
            self._add_line(spec, purpose, terms.get((spec.name, str(purpose))))
        for language in LANGUAGES:
            name = _LANGUAGE_NAMES[language]
            self.fields[f"title_{language}"] = forms.CharField(
                label=f"{name}: {_('Title')}", max_length=120, required=False, initial=proposal.title.get(language)
            )
            self.fields[f"text_{language}"] = forms.CharField(
                label=f"{name}: {_('Text')}",
                max_length=20000,
                required=False,
                initial=proposal.text.get(language),
                widget=forms.Textarea(attrs={"rows": "12"}),
            )

    def _add_line(self, spec: Spec, purpose: Purpose, term: Term | None) -> None:
        key = f"{spec.name}/{purpose}"
        self.fields[f"{key}/level"] = forms.ChoiceField(
            label=_("Level"),
            choices=Level.choices,
            initial=str(term.level) if term else Level.NOTHING.value,
            widget=PillSelect,
        )
        if purpose in REQUIRABLE:
            self.fields[f"{key}/required"] = forms.BooleanField(
                label=pgettext_lazy("agreement", "Required"), required=False, initial=bool(term and term.required)
            )
        paths = [path for path, mark in spec.paths.items() if mark.field_class is not FieldClass.REFERENCE]
        self.fields[f"{key}/denied"] = forms.MultipleChoiceField(
            label=_("Fields that are not asked for"),
            choices=[(path, field_label(path)) for path in paths],
            required=False,
            initial=list(term.fields_denied) if term else [],
            widget=forms.CheckboxSelectMultiple,
        )
        self.fields[f"{key}/retention"] = forms.IntegerField(
            label=_("Kept for so many days"),
            min_value=1,
            max_value=MOST_RETENTION_DAYS,
            required=False,
            initial=term.retention_days if term else None,
            help_text=_("Empty: as long as the purpose lasts and the law demands."),
        )
        self.fields[f"{key}/recipients"] = forms.CharField(
            label=_("Who works with it for the manufacturer"),
            max_length=400,
            required=False,
            initial=", ".join(term.recipients) if term else "",
            help_text=_("Companies, parted by commas. Empty: nobody but the manufacturer."),
        )

    @property
    def lines(self) -> Iterator[Line]:
        for spec, purpose in self._pairs:
            key = f"{spec.name}/{purpose}"
            more = [self[f"{key}/{name}"] for name in ("denied", "retention", "recipients")]
            yield Line(
                contract=spec.name,
                purpose=purpose,
                title=words.contract_name(spec.name),
                level=self[f"{key}/level"],
                required=self[f"{key}/required"] if f"{key}/required" in self.fields else None,
                more=more,
                open=any(field.value() or field.errors for field in more),
            )

    @property
    def general(self) -> list[BoundField]:
        return [self[name] for name in ("version", "notice_days", "valid_from")]

    @property
    def texts(self) -> list[BoundField]:
        return [self[f"{part}_{language}"] for language in LANGUAGES for part in ("title", "text")]

    @property
    def terms(self) -> list[Term]:
        """The lines as terms; those at level nothing are not asked for."""
        clean = self.cleaned_data
        return [
            Term(
                contract=spec.name,
                purpose=purpose,
                level=Level(clean[f"{spec.name}/{purpose}/level"]),
                required=clean.get(f"{spec.name}/{purpose}/required", False),
                joining_ceiling=Level.NOTHING,
                fields_denied=tuple(clean[f"{spec.name}/{purpose}/denied"]),
                retention_days=clean[f"{spec.name}/{purpose}/retention"],
                recipients=_names(clean[f"{spec.name}/{purpose}/recipients"]),
            )
            for spec, purpose in self._pairs
        ]

    def by_language(self, part: str) -> dict[str, str]:
        return {language: self.cleaned_data[f"{part}_{language}"] for language in LANGUAGES}


def _names(text: str) -> tuple[str, ...]:
    parts = text.replace("、", ",").replace("，", ",").split(",")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


class ProposeForm(Form):
    """Whom a draft is proposed to."""

    dealerships = forms.MultipleChoiceField(label=_("Dealerships"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, dealerships: list[tuple[str, str]], data: Any = None) -> None:
        super().__init__(data, initial={"dealerships": [slug for slug, _name in dealerships]})
        self.fields["dealerships"] = forms.MultipleChoiceField(
            label=_("Dealerships"), choices=dealerships, widget=forms.CheckboxSelectMultiple
        )

"""What the manufacturer proposes to dealerships, whom it asked, and what each decided."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.contracts.agreements import AgreementText, Term
from kernel.fields import IdentityField
from kernel.ids import new_id
from kernel.tenancy.grants import Grants


class ProposalState(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("agreement", "Draft")
    PROPOSED = "proposed", pgettext_lazy("agreement", "Proposed")
    WITHDRAWN = "withdrawn", pgettext_lazy("agreement", "Taken back")
    REPLACED = "replaced", pgettext_lazy("agreement", "Replaced by a later version")


#: Drawn up and proposed by those who may propose; replaced by the next version proposed to the same dealerships.
PROPOSAL_TRANSITIONS = {
    ProposalState.DRAFT: {ProposalState.PROPOSED, ProposalState.WITHDRAWN},
    ProposalState.PROPOSED: {ProposalState.WITHDRAWN, ProposalState.REPLACED},
    ProposalState.WITHDRAWN: set(),
    ProposalState.REPLACED: set(),
}


class Proposal(models.Model):
    """One version of the sharing agreement. A draft can be edited; from the proposal on it is what dealerships sign.

    `title` and `text` are by language, `terms` as `Term.to_json` writes them, `base` the version that it was drawn up
    from. `text_hash` is set when it is proposed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.CharField(_("Version"), max_length=40, unique=True)
    base = models.CharField(max_length=40)
    title = models.JSONField()
    text = models.JSONField()
    terms = models.JSONField()
    notice_days = models.PositiveSmallIntegerField(_("Notice in days"), default=90)
    valid_from = models.DateField(_("The version before stays until"))
    state = models.CharField(_("State"), max_length=10, choices=ProposalState.choices, default=ProposalState.DRAFT)
    text_hash = models.CharField(max_length=64, blank=True)
    published_on = models.DateField(null=True)
    created_by_name = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    proposed_by_name = models.CharField(max_length=120, blank=True)
    proposed_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="raw")

    class Meta:
        ordering = ("-created_at", "id")

    def __str__(self) -> str:
        return self.version

    @property
    def asked(self) -> tuple[Term, ...]:
        return tuple(Term.from_json(term) for term in self.terms)

    def as_text(self) -> AgreementText:
        """As both tiers know it. A draft counts as published on the day that it was begun."""
        return AgreementText(
            version=self.version,
            published_on=self.published_on or timezone.localdate(self.created_at),
            notice_days=self.notice_days,
            title=self.title,
            text=self.text,
            terms=self.asked,
            valid_from=self.valid_from,
        )


class Asked(models.Model):
    """That one dealership was asked to sign a proposal. `over_at`: it was taken back there, or a later one came."""

    proposal = models.ForeignKey(Proposal, models.PROTECT, related_name="asked_of")
    dealership = models.UUIDField()
    at = models.DateTimeField()
    over_at = models.DateTimeField(null=True)

    grants = Grants(own="ra", own_update=("over_at",))

    class Meta:
        ordering = ("at", "id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["proposal", "dealership"], name="agreements_asked_once"),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id} {self.dealership}"


class Decision(models.Model):
    """What a dealership told of its agreement, whole: the latest row of a dealership counts. Rows are never changed.

    The id is the message's. `ceilings` is a list of {contract, purpose, ceiling, level, refused}.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    number = IdentityField()
    dealership = models.UUIDField()
    step = models.CharField(max_length=10)
    at = models.DateTimeField()
    version = models.CharField(max_length=40)
    text_hash = models.CharField(max_length=64)
    signed_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=20, blank=True)
    ceilings = models.JSONField()
    recorded_at = models.DateTimeField(db_default=Now())

    grants = Grants(own="ra")

    class Meta:
        ordering = ("-number",)
        indexes: ClassVar = [models.Index(fields=["dealership", "-number"], name="agreements_decision_newest")]

    def __str__(self) -> str:
        return f"{self.dealership} {self.version} {self.step}"

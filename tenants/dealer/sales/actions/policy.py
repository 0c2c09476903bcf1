"""How the dealership sells: limits and thresholds."""

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from dealer.sales.models import SalesPolicy
from kernel import audit, clock
from kernel.accounts.actors import Actor
from kernel.accounts.roles import Right
from kernel.errors import FieldError, Invalid


@transaction.atomic
def change_policy(
    *, actor: Actor, approval_limit: Decimal, hot_months: int, warm_months: int, quotation_days: int
) -> SalesPolicy:
    """Set all of them. Raises Invalid naming every figure that cannot be."""
    actor.require(Right.SETTINGS_MANAGE)
    problems = []
    if approval_limit < 0:
        problems.append(FieldError("approval_limit", "negative", _("The limit must not be below zero.")))
    if not 1 <= hot_months < warm_months <= 60:
        problems.append(
            FieldError("hot_months", "order", _("Hot must be shorter than warm, and warm at most 60 months."))
        )
    if not 1 <= quotation_days <= 180:
        problems.append(FieldError("quotation_days", "range", _("Enter 1 to 180 days.")))
    if problems:
        raise Invalid(problems)
    policy = SalesPolicy.objects.select_for_update().filter(pk=1).first() or SalesPolicy(pk=1)
    before, after = audit.changes(
        policy,
        approval_limit=approval_limit,
        hot_months=hot_months,
        warm_months=warm_months,
        quotation_days=quotation_days,
    )
    if after or policy.updated_at is None:
        policy.updated_at = clock.now()
        policy.save()
        audit.record(actor=actor, action="sales.change_policy", obj=policy, before=before, after=after)
    return policy

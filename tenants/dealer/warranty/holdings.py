"""What the warranty desk holds on a customer."""

from django.utils.translation import gettext_lazy as _

from dealer.customers.subject_access import holds
from dealer.warranty.models import Claim, ClaimLine, Decision

holds(Claim, "repair_order__customer_id", _("Warranty claims"))
holds(ClaimLine, "claim__repair_order__customer_id", _("Lines of claims"))
holds(Decision, "claim__repair_order__customer_id", _("Decisions on claims"))

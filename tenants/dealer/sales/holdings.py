"""What sales holds on a customer."""

from django.utils.translation import gettext_lazy as _

from dealer.customers.subject_access import holds
from dealer.sales.models import (
    Delivery,
    FollowUp,
    Instalment,
    Lead,
    LeadMilestone,
    Prospect,
    Quotation,
    QuotationLine,
    SalesContract,
    TestDrive,
)

holds(Prospect, "customer_id", _("Your wishes"))
holds(Lead, "prospect__customer_id", _("How your wish came to us"))
holds(LeadMilestone, "lead__prospect__customer_id", _("What happened to it"))
holds(FollowUp, "prospect__customer_id", _("Follow-ups"))
holds(TestDrive, "prospect__customer_id", _("Test drives"))
holds(Quotation, "prospect__customer_id", _("Quotations"))
holds(QuotationLine, "quotation__prospect__customer_id", _("Lines of quotations"))
holds(SalesContract, "prospect__customer_id", _("Contracts"))
holds(Instalment, "contract__prospect__customer_id", _("Instalments"))
holds(Delivery, "prospect__customer_id", _("Deliveries"))

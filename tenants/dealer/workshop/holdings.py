"""What the workshop holds on a customer."""

from django.utils.translation import gettext_lazy as _

from dealer.customers.subject_access import holds
from dealer.workshop.models import Appointment, Job, JobLine, RepairOrder

holds(Appointment, "customer_id", _("Appointments"))
holds(RepairOrder, "customer_id", _("Repair orders"))
holds(Job, "repair_order__customer_id", _("Jobs"))
holds(JobLine, "job__repair_order__customer_id", _("Lines of jobs"))

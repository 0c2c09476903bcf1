"""What sales keeps sealed."""

from django.db import transaction

from dealer.sales import envelope
from dealer.sales.models import Lead
from kernel.tenancy.resealing import DEALERSHIP, resealing


@resealing("lead envelopes", tier=DEALERSHIP)
def envelopes() -> int:
    """Seal the envelope of every offered lead under the key of today; returns how many. Safe to repeat."""
    done = 0
    for id_ in list(Lead.objects.exclude(envelope="").values_list("id", flat=True)):
        # Under its lock: acceptance opens and blanks it.
        with transaction.atomic():
            lead = Lead.objects.select_for_update().exclude(envelope="").filter(pk=id_).first()
            if lead is not None:
                lead.envelope = envelope.seal_anew(lead.envelope)
                lead.save(update_fields=["envelope"])
                done += 1
    return done

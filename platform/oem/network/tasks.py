"""Tasks of the network."""

import logging
from uuid import UUID

from celery.exceptions import CeleryError
from kombu.exceptions import OperationalError

from kernel.accounts.actors import SYSTEM
from kernel.tenancy.tasks import portal_task

log = logging.getLogger(__name__)

#: Seconds between two looks, and how many there are: the steward needs a few seconds, a restart of it some more.
PAUSE, LOOKS = 3, 200


def follow_up(dealership_id: UUID) -> None:
    """Have the workers watch for the steward's answer. A hint: pages and commands that look note it themselves."""
    try:
        follow_steward.apply_async((str(dealership_id), LOOKS), countdown=PAUSE)
    except (CeleryError, OperationalError):
        log.warning("no broker: the steward's answer for %s is noted when somebody looks", dealership_id)


@portal_task(name="oem.network.follow_steward")
def follow_steward(dealership_id: str, looks: int) -> None:
    """Note the steward's answer for a dealership; look again later while there is none."""
    from oem.network import actions
    from oem.network.models import Dealership, DealershipState

    dealership = Dealership.objects.filter(id=dealership_id).first()
    if dealership is None:
        return
    dealership = actions.note_answer(actor=SYSTEM, dealership=dealership)
    if dealership.state in (DealershipState.JOINING, DealershipState.RETIRING) and looks > 1:
        follow_steward.apply_async((dealership_id, looks - 1), countdown=PAUSE)

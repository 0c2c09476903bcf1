"""What accounts keeps sealed."""

from django.db import transaction

from kernel.accounts import totp
from kernel.accounts.models import Factor, FactorKind
from kernel.tenancy.resealing import BOTH, resealing


@resealing("secrets of authenticator apps", tier=BOTH)
def authenticator_secrets() -> int:
    """Seal the secret of every authenticator app under the key of today; returns how many. Safe to repeat."""
    done = 0
    for id_ in list(Factor.objects.filter(kind=FactorKind.TOTP).values_list("id", flat=True)):
        with transaction.atomic():
            factor = Factor.objects.select_for_update().filter(pk=id_).first()
            if factor is not None:
                factor.secret = totp.seal_anew(factor.secret, factor.user_id)
                factor.save(update_fields=["secret"])
                done += 1
    return done

"""Tasks of accounts: sending mail, and clearing away what has expired."""

from kernel import clock
from kernel.accounts import mail
from kernel.accounts.sessions import SessionStore
from kernel.idempotency.models import StoredAnswer
from kernel.tenancy.tasks import dealer_task, portal_task


def _tidy() -> None:
    SessionStore.clear_expired()
    StoredAnswer.objects.filter(expires_at__lte=clock.now()).delete()
    mail.send_waiting()


@portal_task(name="kernel.accounts.send_mail_portal")
def send_mail_portal() -> None:
    """Send what waits in the manufacturer's outbox."""
    mail.send_waiting()


@dealer_task(name="kernel.accounts.send_mail_dealer")
def send_mail_dealer(dealer_id: str) -> None:
    """Send what waits in one dealership's outbox."""
    mail.send_waiting()


@portal_task(name="kernel.accounts.tidy_portal")
def tidy_portal() -> None:
    """Clear the manufacturer's expired sessions and stored answers, and retry its mail."""
    _tidy()


@dealer_task(name="kernel.accounts.tidy_dealer")
def tidy_dealer(dealer_id: str) -> None:
    """Clear one dealership's expired sessions and stored answers, and retry its mail."""
    _tidy()

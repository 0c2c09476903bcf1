"""Mails of one tenant. They are rows first, written in the transaction that causes them; a worker sends them."""

import logging

from celery import current_app
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from kernel import clock
from kernel.accounts.models import OutboxMail
from kernel.accounts.sessions import realm
from kernel.tenancy.tasks import DEALERS_QUEUE, PORTAL_QUEUE

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8


def put_in_outbox(*, to: str, subject: str, body: str) -> OutboxMail:
    """Write a mail to the outbox and wake the worker that sends it once the transaction is committed.

    `subject` is one line (line breaks are taken out, so that no header can be smuggled in).
    """
    mail = OutboxMail.objects.create(to=to, subject=" ".join(subject.split())[:200], body=body, at=clock.now())
    if not settings.DEMO:
        of = realm()
        transaction.on_commit(lambda: _wake_sender(of), robust=True)
    return mail


def _wake_sender(of: str) -> None:
    if of == "portal":
        current_app.send_task("kernel.accounts.send_mail_portal", queue=PORTAL_QUEUE, retry=False)
    elif of:
        current_app.send_task("kernel.accounts.send_mail_dealer", args=[of], queue=DEALERS_QUEUE, retry=False)


def send_waiting() -> int:
    """Send what waits in the bound tenant's outbox; returns how many went out. A sent mail's body is blanked.

    In the demo nothing is sent: mails stay to be read at /outbox/.
    """
    if settings.DEMO:
        return 0
    sent = 0
    for mail_id in list(
        OutboxMail.objects.filter(state=OutboxMail.State.WAITING).order_by("at").values_list("pk", flat=True)[:100]
    ):
        with transaction.atomic():
            mail = (
                OutboxMail.objects.select_for_update(skip_locked=True)
                .filter(pk=mail_id, state=OutboxMail.State.WAITING)
                .first()
            )
            if mail is None:
                continue
            mail.attempts += 1
            try:
                EmailMessage(mail.subject, mail.body, to=[mail.to]).send()
            except OSError as error:  # smtplib's errors are OSErrors
                mail.reason = str(error)[:300]
                if mail.attempts >= MAX_ATTEMPTS:
                    mail.state, mail.body = OutboxMail.State.FAILED, ""
                log.warning("mail %s could not be sent (attempt %s)", mail.pk, mail.attempts)
            else:
                mail.state, mail.body, mail.reason = OutboxMail.State.SENT, "", ""
                sent += 1
            mail.save(update_fields=["attempts", "state", "body", "reason"])
    return sent

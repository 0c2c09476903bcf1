"""Mails of one tenant. They are rows first, written in the transaction that causes them; a worker sends them.

A mail is taken, sent and settled in three steps, because no transaction may last as long as a mail server's answer. A
worker that dies in between leaves the mail waiting: after `LEASE` it is tried again. So a mail may come twice, with the
same Message-ID, but none is lost. Hints bring the worker within a second; the sweep of `tasks` finds what they lost.
"""

import logging
import smtplib
import time
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime, parseaddr

from celery import current_app
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.db.models import Min

from kernel import clock
from kernel.accounts.models import OutboxMail
from kernel.accounts.sessions import realm
from kernel.tenancy import turns
from kernel.tenancy.tasks import PORTAL_QUEUE

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=3)
"""How long a mail belongs to the worker that took it: longer than any task may run."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=10)
"""Between two tries; doubled each time. A link for a new password is good for one hour."""
GIVE_UP_AFTER = timedelta(days=2)
RUN_SECONDS = 20.0
"""A run ends after this long, so that other tasks get their turn."""
SOON = 90.0
"""Seconds that the broker may keep a hint; a later one would come twice (its visibility timeout is 120)."""


def put_in_outbox(*, to: str, subject: str, body: str) -> OutboxMail:
    """Write a mail to the outbox and wake the worker that sends it once the transaction is committed.

    `subject` is one line (line breaks are taken out, so that no header can be smuggled in).
    """
    mail = OutboxMail.objects.create(to=to, subject=" ".join(subject.split())[:200], body=body, at=clock.now())
    if not settings.DEMO:
        of = realm()
        transaction.on_commit(lambda: _wake_sender(of), robust=True)
    return mail


def _wake_sender(of: str, after: float = 0.0) -> None:
    if of == "portal":
        current_app.send_task(
            "kernel.accounts.send_mail_portal", queue=PORTAL_QUEUE, retry=False, countdown=after or None
        )
    elif of:
        turns.ask("kernel.accounts.send_mail_dealer", of, after=after)


def send_waiting() -> int:
    """Send what is due in the bound tenant's outbox; returns how many went out. A sent mail's body is blanked.

    Asks for a task of its own when more is due soon. Without a mail server nothing is sent: mails wait, and after
    `GIVE_UP_AFTER` they have failed. In the demo they stay to be read at /outbox/.
    """
    if settings.DEMO:
        return 0
    _give_up()
    if not settings.SENDS_MAIL:
        return 0
    sent = _send_in_turn()
    waiting = OutboxMail.objects.filter(state=OutboxMail.State.WAITING).aggregate(at=Min("next_try_at"))["at"]
    if waiting is not None and (after := (waiting - clock.now()).total_seconds()) < SOON:
        _wake_sender(realm(), max(1.0, after))
    return sent


def _send_in_turn() -> int:
    """Send one after the other over one connection, until nothing is due, time is up or the server is in trouble."""
    sent, end = 0, time.monotonic() + RUN_SECONDS
    server = EmailBackend()
    try:
        while time.monotonic() < end and (mail := _take()) is not None:
            try:
                server.open()
                server.send_messages([_message(mail)])
            except OSError as error:  # smtplib's errors are OSErrors
                if _settle_failure(mail, error):
                    break
            else:
                sent += _settle(mail, state=OutboxMail.State.SENT, body="", reason="", sent_at=clock.now())
    finally:
        with suppress(OSError):
            server.close()
    return sent


@transaction.atomic
def _take() -> OutboxMail | None:
    """The mail that has been due longest, for this worker alone until its lease ends."""
    now = clock.now()
    mail = (
        OutboxMail.objects.select_for_update(skip_locked=True)
        .filter(state=OutboxMail.State.WAITING, next_try_at__lte=now)
        .order_by("next_try_at", "at")
        .first()
    )
    if mail is not None:
        mail.attempts += 1
        mail.next_try_at = now + LEASE
        mail.save(update_fields=["attempts", "next_try_at"])
    return mail


def _message(mail: OutboxMail) -> EmailMessage:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    headers = {
        "Message-ID": f"<{mail.pk}@{domain}>",
        "Date": format_datetime(mail.at),
        "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday notes in answer
    }
    return EmailMessage(mail.subject, mail.body, to=[mail.to], headers=headers)


def _settle(mail: OutboxMail, **values: object) -> int:
    """Write how it went, unless the lease ran out and another worker has the mail. 1 when it was written."""
    rows = OutboxMail.objects.filter(pk=mail.pk, state=OutboxMail.State.WAITING, attempts=mail.attempts)
    return rows.update(**values)


def _settle_failure(mail: OutboxMail, error: OSError) -> bool:
    """Write why a mail could not be sent, and when it is tried again. True when the server itself is in trouble: then
    all others wait as well."""
    code, reason = _reading(error)
    log.warning("mail %s could not be sent (attempt %s): %s", mail.pk, mail.attempts, reason)
    about_the_mail = isinstance(error, (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError))
    if about_the_mail and code >= 500:  # RFC 5321, 4.2.1: the server will not have it, however often it is asked
        _settle(mail, state=OutboxMail.State.FAILED, body="", reason=reason)
        return False
    now = clock.now()
    again = now + min(FIRST_WAIT * 2 ** min(mail.attempts - 1, 16), LONGEST_WAIT)
    _settle(mail, next_try_at=again, reason=reason)
    if not about_the_mail:
        due = OutboxMail.objects.filter(state=OutboxMail.State.WAITING, next_try_at__lte=now)
        due.update(next_try_at=again, reason=reason)
    return not about_the_mail


def _reading(error: OSError) -> tuple[int, str]:
    """The server's code (0 when it said none) and what it said, as a line."""
    code, text = 0, f"{error}".encode()
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        code, text = error.smtp_code, said if isinstance(said, bytes) else said.encode()
    line = " ".join(text.decode("utf-8", "replace").replace("\x00", "").split()) or type(error).__name__
    return code, (f"{code} {line}" if code else line)[:300]


def _give_up() -> None:
    OutboxMail.objects.filter(state=OutboxMail.State.WAITING, at__lt=clock.now() - GIVE_UP_AFTER).update(
        state=OutboxMail.State.FAILED, body=""
    )

"""Host names of the dealerships' own: asked for, proved by a record, bound, watched, given up.

Every act is one transaction of the directory and can be repeated; killed anywhere, the next pass goes on. Nobody is
told that a name is somebody else's: it stays "not proved".
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from kernel import clock
from kernel.checkpoints import reached
from kernel.errors import Conflict, DomainError, Missing
from kernel.tenancy import hosts
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import Domain, HostClaim, HostState, HostVerb, HostWish, Kind, State, Tenant
from kernel.tenancy.resolving import Unanswered, resolver

log = logging.getLogger(__name__)

#: How long an attempt may take to be proved.
ATTEMPT = timedelta(days=7)
#: Between two looks: for an attempt, for a name in use, and after name servers that did not answer for one.
LOOK_EVERY, WATCH_EVERY, AGAIN = timedelta(minutes=10), timedelta(days=1), timedelta(hours=1)
#: Who presses "check now" more often than this asks nobody anew.
AT_MOST_EVERY = timedelta(seconds=15)
#: Wishes and names that one pass takes, so that provisioning waits no longer than one slow name server.
WISHES, NAMES = 50, 16

OPEN = (HostState.ASKED, HostState.BOUND)

#: Told when the record of a name in use is missing (`since` is now) or was missing too long (the name is given up).
Teller = Callable[[str, bool], None]
_tellers: list[Teller] = []


def tells_of_lost_hosts(teller: Teller) -> Teller:
    """Register what tells a dealership that a name of its own is in danger: called as owner with the path of its
    schema, with the name and whether it is given up now. May be called twice for the same."""
    _tellers.append(teller)
    return teller


# -- what operators and wishes ask for; all unbound -------------------------------------------------------------


def ask(slug: str, host: str, *, by: str) -> HostClaim:
    """Begin an attempt, or find the one that is open. Raises Invalid for a name that cannot be one, Missing without an
    active dealership of that slug, Conflict when it has as many as it may."""
    host = hosts.normalise(host)
    with bound(Owner()), transaction.atomic():
        return _ask(_locked(slug=slug), host, by)


def check(slug: str, host: str) -> HostClaim:
    """Look for the record of an open attempt now. Raises Missing without one."""
    host = hosts.normalise(host)
    with bound(Owner()), transaction.atomic():
        claim = _open(_active(slug=slug), host)
    _look([claim])
    with bound(Owner()):
        claim.refresh_from_db()
    return claim


def prefer(slug: str, host: str) -> None:
    """Make a host that is bound to the dealership its main address. Raises Missing for any other."""
    with bound(Owner()), transaction.atomic():
        _prefer(_locked(slug=slug), host)


def release(slug: str, host: str) -> HostClaim:
    """Give a name up, or withdraw an attempt. Raises Missing when there is neither."""
    host = hosts.normalise(host)
    with bound(Owner()), transaction.atomic():
        claim = _open(_locked(slug=slug), host)
        _end(claim, HostClaim.End.GIVEN_UP)
    reached("host released")
    return claim


def held_by_another(tenant: Tenant, host: str) -> Tenant | None:
    """Who else has the name, or had it and may still take it back. For operators; bound to the owner."""
    other = Domain.objects.filter(domain=host).exclude(tenant=tenant).select_related("tenant").first()
    if other is not None:
        return Tenant.objects.get(pk=other.tenant_id)
    kept = HostClaim.objects.filter(host=host, state=HostState.RELEASED, kept_until__gt=clock.now())
    claim = kept.exclude(tenant=tenant).select_related("tenant").first()
    return claim.tenant if claim else None


def end_all(tenant: Tenant) -> None:
    """A dealership leaves: its names are nobody's for the time of the quarantine. In the caller's transaction."""
    for claim in HostClaim.objects.select_for_update().filter(tenant=tenant, state__in=OPEN):
        _end(claim, HostClaim.End.RETIRED)


# -- the steward's pass ----------------------------------------------------------------------------------------


def work_off() -> bool:
    """Take the wishes that wait and look for the records that are due. False when there was nothing to do."""
    taken = _take_wishes()
    now = clock.now()
    with bound(Owner()):
        HostClaim.objects.filter(state=HostState.ASKED, expires_at__lte=now).update(
            state=HostState.EXPIRED, ended_at=now
        )
        due = list(HostClaim.objects.filter(state__in=OPEN, check_at__lte=now).order_by("check_at")[:NAMES])
    if due:
        _look(due)
    return bool(taken or due)


def _take_wishes() -> int:
    with bound(Owner()):
        waiting = list(HostWish.objects.values_list("schema_name", flat=True)[:WISHES])
        for schema in waiting:
            with transaction.atomic():
                wish = HostWish.objects.select_for_update(skip_locked=True).filter(schema_name=schema).first()
                if wish is not None:
                    _carry_out(wish)
                    wish.delete()
                    reached("wish")
    return len(waiting)


def _carry_out(wish: HostWish) -> None:
    """A wish was written by a dealership's login, which may be in wrong hands: nothing in it is believed."""
    try:
        with transaction.atomic():
            tenant = _locked(schema_name=wish.schema_name)
            if wish.verb == HostVerb.PREFER:
                _prefer(tenant, wish.host)
                return
            host = hosts.normalise(wish.host)
            if wish.verb == HostVerb.ASK:
                _ask(tenant, host, wish.asked_by)
            elif wish.verb == HostVerb.RELEASE:
                _end(_open(tenant, host), HostClaim.End.GIVEN_UP)
            elif wish.verb == HostVerb.CHECK:
                claim = _open(tenant, host)
                lately = claim.checked_at + AT_MOST_EVERY if claim.checked_at else clock.now()
                claim.check_at = max(clock.now(), lately)
                claim.save(update_fields=["check_at"])
    except DomainError as refusal:
        log.info("steward: a wish of %s was refused: %s (%s)", wish.schema_name, wish.verb, refusal.code)


def _look(claims: Sequence[HostClaim]) -> None:
    """Ask the name servers, all names at once, and settle one after the other. Unbound: no connection waits."""
    asking = resolver()

    def proved(claim: HostClaim) -> bool | None:
        try:
            return hosts.record_text(claim.token) in asking.txt(hosts.record_name(claim.host))
        except Unanswered as problem:
            log.info("steward: no answer for %s: %s", claim.host, problem)
            return None

    with ThreadPoolExecutor(max_workers=len(claims)) as pool:
        outcomes: Iterable[bool | None] = list(pool.map(proved, claims))
    reached("looked")
    for claim, outcome in zip(claims, outcomes, strict=True):
        _tell_before(claim, outcome)
        with bound(Owner()), transaction.atomic():
            _settle(claim.pk, outcome)
        reached("settled")


def _gone_for() -> timedelta:
    return timedelta(days=settings.OWN_HOST_GONE_DAYS)


def _tell_before(claim: HostClaim, outcome: bool | None) -> None:
    """Tell before it is written down: killed in between, a dealership is told twice and not never."""
    if claim.state != HostState.BOUND or outcome is not False:
        return
    gone = claim.missing_since is not None and clock.now() - claim.missing_since >= _gone_for()
    if claim.missing_since is None or gone:
        with bound(Owner(claim.schema_name)), transaction.atomic():
            for teller in _tellers:
                teller(claim.host, gone)
        reached("told")


def _settle(pk: UUID, outcome: bool | None) -> None:
    claim = HostClaim.objects.select_for_update().get(pk=pk)
    if claim.state not in OPEN:
        return
    now = claim.checked_at = clock.now()
    if claim.state == HostState.ASKED and claim.expires_at <= now:
        claim.state, claim.ended_at = HostState.EXPIRED, now
        claim.save()
        return
    bound_already = claim.state == HostState.BOUND
    claim.check_at = now + (WATCH_EVERY if bound_already else LOOK_EVERY)
    claim.problem = "" if outcome else HostClaim.Problem.NOT_PROVED
    if outcome is None:
        claim.problem = HostClaim.Problem.NO_ANSWER
        claim.check_at = now + (AGAIN if bound_already else LOOK_EVERY)
    elif bound_already and outcome:
        claim.seen_at, claim.missing_since = now, None
    elif bound_already:
        claim.missing_since = claim.missing_since or now
        if now - claim.missing_since >= _gone_for():
            claim.save()
            _end(claim, HostClaim.End.RECORD_GONE)
            return
    elif outcome and not _bind(claim):
        claim.problem = HostClaim.Problem.NOT_PROVED
    claim.save()


def _bind(claim: HostClaim) -> bool:
    """Lead the name to the dealership; False when it is, or may again be, somebody else's."""
    tenant = Tenant.objects.get(pk=claim.tenant_id)
    if tenant.state != State.ACTIVE or held_by_another(tenant, claim.host) is not None:
        return False
    domain, _ = Domain.objects.get_or_create(domain=claim.host, defaults={"tenant": tenant, "is_primary": False})
    if domain.tenant_id != tenant.pk:  # somebody else was faster
        return False
    now = clock.now()
    claim.state, claim.seen_at, claim.bound_at, claim.missing_since = HostState.BOUND, now, now, None
    claim.check_at = now + WATCH_EVERY
    reached("host bound")
    return True


# -- small steps, in the caller's transaction --------------------------------------------------------------------


def _active(**which: str) -> Tenant:
    tenant = Tenant.objects.filter(kind=Kind.DEALERSHIP, state=State.ACTIVE, **which).first()
    if tenant is None:
        raise Missing()
    return tenant


def _locked(**which: str) -> Tenant:
    """One after the other for each dealership: so many at most, and one main address."""
    return Tenant.objects.select_for_update(no_key=True).get(pk=_active(**which).pk)


def _open(tenant: Tenant, host: str) -> HostClaim:
    claim = HostClaim.objects.select_for_update().filter(tenant=tenant, host=host, state__in=OPEN).first()
    if claim is None:
        raise Missing()
    return claim


def _ask(tenant: Tenant, host: str, by: str) -> HostClaim:
    now = clock.now()
    standing = HostClaim.objects.filter(tenant=tenant, state__in=OPEN)
    standing.filter(state=HostState.ASKED, expires_at__lte=now).update(state=HostState.EXPIRED, ended_at=now)
    found = standing.filter(host=host).first()
    if found is not None:
        return found
    if standing.count() >= settings.OWN_HOSTS_AT_MOST:
        raise Conflict("too_many_hosts")
    return HostClaim.objects.create(
        tenant=tenant,
        schema_name=tenant.schema_name,
        host=host,
        token=secrets.token_hex(20),  # ours and never the dealership's choice: records of others can be read by all
        asked_by=by[:120],
        asked_at=now,
        expires_at=now + ATTEMPT,
        check_at=now + LOOK_EVERY,
    )


def _prefer(tenant: Tenant, host: str) -> None:
    domain = Domain.objects.filter(tenant=tenant, domain=host).first()
    if domain is None:
        raise Missing()
    domain.is_primary = True
    domain.save()  # takes it from the others


def _end(claim: HostClaim, end: HostClaim.End) -> None:
    """Take the name from the directory, with its quarantine; an attempt that was never bound needs none."""
    now = clock.now()
    claim.ended_at, claim.end = now, end
    if claim.state == HostState.BOUND:
        claim.state = HostState.RELEASED
        claim.kept_until = now + timedelta(days=settings.OWN_HOST_QUARANTINE_DAYS)
        domains = Domain.objects.filter(tenant_id=claim.tenant_id)
        domains.filter(domain=claim.host).delete()
        if not domains.filter(is_primary=True).exists():
            domains.filter(domain__endswith=f".{settings.BASE_DOMAIN}").update(is_primary=True)
    else:
        claim.state = HostState.WITHDRAWN
    claim.save()

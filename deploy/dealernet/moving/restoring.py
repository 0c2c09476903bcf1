"""The steward's verb `restore`: one dealership goes back to its backup, and what was exchanged since stays true.

The backup is loaded beside the living schema, brought to this release and compared. Then the dealership's login is
locked and, in one transaction, the schemas change names, the ledger gets back what it had sent since, counters go on
where they were, what was denied since stays denied, and what the manufacturer had sent since stands in the inbox again.
At last the time since the backup is lived through once more, in order. docs/operate/restore.md is the rule in words.
"""

from __future__ import annotations

import json
import logging
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model

from dealer.customers.models import Ownership, Vehicle
from dealer.organisation import logos
from dealer.organisation.exporting import FOLDER
from dealer.organisation.models import Profile
from dealer.organisation.queries import forget_profile
from dealer.sales.actions import expire_leads, retell
from dealer.sales.models import Delivery, LeadMilestone
from dealer.sharing.actions import share_owner
from dealer.sharing.erasing.actions import erase_again
from dealer.sharing.models import Agreement, Erasure, Grant, Withdrawal
from dealer.sharing.queries import wire_subject
from dealer.warranty.models import TRANSITIONS as CLAIM_TRANSITIONS
from dealer.warranty.models import Claim, ClaimState
from dealer.workshop.models import RepairOrder
from dealernet.moving import leaving
from dealernet.moving.backups import DUMP, Backup, load
from dealernet.moving.exclusive import Session, exclusively, let_in
from dealernet.moving.owning import count_on, owner, schema_exists
from dealernet.moving.steps import begin
from dealernet.moving.structure import bring_up
from exchange import inbox
from exchange.models import Inbox, InboxState, Ledger, Payload
from kernel import audit, clock
from kernel.accounts.actors import SYSTEM
from kernel.checkpoints import reached
from kernel.contracts import ErasureRequest, LeadOutcome, Owner, WarrantyClaim, is_pseudonym
from kernel.tenancy import rendering
from kernel.tenancy.bindings import MANUFACTURER_ID, PORTAL_SCHEMA, bound
from kernel.tenancy.bindings import Owner as AsOwner
from kernel.tenancy.models import Kind, Move, State, Tenant
from kernel.tenancy.rendering import DEALERSHIP, models_of
from kernel.tenancy.steward.ledger import noting
from kernel.tenancy.steward.progress import Progress
from kernel.transitions import may_move, move

log = logging.getLogger(__name__)

_permit = clock.allow_history()


class RestoreRefused(Exception):
    """The backup is whole, but cannot be restored here; the words say why."""


def access_tenant(backup: Backup, slug: str = "") -> Tenant:
    """The living dealership that a backup is of. Raises RestoreRefused. Unbound."""
    with bound(AsOwner()):
        tenant = Tenant.objects.filter(id=backup.dealership["id"], kind=Kind.DEALERSHIP).first()
    if tenant is None:
        raise RestoreRefused("the backup is of a dealership that never lived here; an export can be imported")
    if slug and tenant.slug != slug:
        raise RestoreRefused(f"the backup is of {tenant.slug}, not of {slug}")
    if tenant.state != State.ACTIVE:
        raise RestoreRefused(f"{tenant.slug} is {tenant.state}; only a dealership that is active is restored")
    return tenant


def beside(tenant: Tenant) -> str:
    """The schema in which a backup is looked at before it takes the place of the living one. No login leads there."""
    return f"{tenant.schema_name}_restore"


def prepare(
    backup: Backup, folder: Path, tenant: Tenant, progress: Progress = lambda step: None
) -> list[dict[str, Any]]:
    """Load a backup beside the living schema, bring it to this release, and compare; what `compare` returns."""
    new = beside(tenant)
    with owner() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{new}" CASCADE')
        begin(progress, "load")
        migrations = {(app, name) for app, name in backup.manifest["migrations"]}
        load(cursor, folder / DUMP, old=backup.dealership["schema"], new=new, migrations=migrations)
    begin(progress, "upgrade")
    bring_up(new)
    begin(progress, "compare")
    with owner() as cursor:
        return compare(cursor, new, tenant.schema_name)


def forget_preparation(tenant: Tenant) -> None:
    """Drop what `prepare` made."""
    with owner() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{beside(tenant)}" CASCADE')


def compare(cursor: Any, backup: str, living: str) -> list[dict[str, Any]]:
    """By table: rows in the backup, rows now, those only in one of them, and those that differ. Tables that are the
    same are left out; a living schema that is gone counts as empty."""
    there = schema_exists(cursor, living)
    found = []
    for model in models_of(DEALERSHIP):
        table, key = model._meta.db_table, model._meta.pk.column
        columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
        side = f'SELECT "{key}" AS k, md5(ROW({columns})::text) AS r FROM "{{}}"."{table}"'
        now = side.format(living) if there else f"{side.format(backup)} WHERE false"
        cursor.execute(
            f"SELECT count(a.k), count(b.k), count(*) FILTER (WHERE b.k IS NULL), count(*) FILTER (WHERE a.k IS NULL), "
            f"count(*) FILTER (WHERE a.r <> b.r) "
            f"FROM ({side.format(backup)}) a FULL JOIN ({now}) b ON a.k = b.k"
        )
        names = ("in_backup", "now", "only_in_backup", "only_now", "changed")
        row = dict(zip(names, cursor.fetchone(), strict=True))
        if row["only_in_backup"] or row["only_now"] or row["changed"]:
            found.append({"table": table, **row})
    return found


def restore(arguments: dict[str, Any], progress: Progress = lambda step: None) -> Move:
    """Put a dealership back to its backup. `arguments`: `file`, `slug`, `move` (UUID of this restore).

    Killed before the schemas changed names it begins anew; after that it goes on where it was. Raises BundleError,
    RestoreRefused, UnknownMigration, BackupFailed; then the dealership is as it was.
    """
    move_id = UUID(arguments["move"])
    with bound(AsOwner()):
        move = Move.objects.filter(id=move_id).select_related("tenant").first()
    if move is not None and move.settled_at is not None:
        if move.tenant.state == State.ACTIVE:
            let_in(move.tenant_id)  # whoever was killed had settled it, and may not have come so far
        return move
    if move is not None:
        with exclusively(move.tenant_id) as session:
            return _live_again(session, move, progress)
    backup = Backup(Path(arguments["file"]))
    tenant = access_tenant(backup, arguments["slug"])
    with backup.unpacked() as folder:
        figures = prepare(backup, folder, tenant, progress)
        try:
            with exclusively(tenant.id) as session:
                begin(progress, "carry")
                with owner() as cursor:
                    lives = schema_exists(cursor, tenant.schema_name)
                if lives:  # what was decided leaves; without a mailbox there is nothing to carry
                    leaving.carry_up(session, tenant.id)
                begin(progress, "swap")
                _bring_files(folder / "files", tenant.id)
                move = _swap(tenant, move_id, arguments, figures, backup)
                reached("moving: swapped")
                return _live_again(session, move, progress)
        except BaseException:
            with bound(AsOwner()):
                swapped = Move.objects.filter(id=move_id).exists()
            if not swapped:
                forget_preparation(tenant)
                let_in(tenant.id)
            raise


def _bring_files(folder: Path, dealer_id: UUID) -> None:
    """Files of the backup that are missing come back; those that are newer stay: names are never used twice."""
    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        target = logos.folder(dealer_id) / path.relative_to(folder)
        if path.is_file() and not target.exists() and target.parent.name != FOLDER:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            shutil.copyfile(path, target)


# -- the one transaction -----------------------------------------------------------------------------------------

#: What the ledger knew and the backup does not: it is the memory of what left, and nobody takes that back. A message
#: that had not left is stopped, for what it spoke of is not here any more. Rows keep their numbers and their places in
#: the chain, so that it is the same chain as before.
_LEDGER_OF_BEFORE = """
DELETE FROM "{new}".exchange_ledger n USING "{old}".exchange_ledger l WHERE l.id = n.id AND l.number <> n.number;

INSERT INTO "{new}".exchange_ledger ({ledger})
SELECT {ledger_before} FROM "{old}".exchange_ledger l
WHERE NOT EXISTS (SELECT 1 FROM "{new}".exchange_ledger n WHERE n.id = l.id) ORDER BY l.number;

UPDATE "{new}".exchange_ledger n SET state = l.state, reason = l.reason, delivered_at = l.delivered_at,
    applied_at = l.applied_at
FROM "{old}".exchange_ledger l WHERE l.id = n.id AND l.state <> n.state;

UPDATE "{new}".exchange_ledger n SET seal = l.seal
FROM "{old}".exchange_ledger l WHERE l.id = n.id AND n.seal IS DISTINCT FROM l.seal;

DELETE FROM "{new}".exchange_seal n
WHERE NOT EXISTS (SELECT 1 FROM "{old}".exchange_seal o WHERE o.number = n.number AND o.hash = n.hash);
INSERT INTO "{new}".exchange_seal SELECT o.* FROM "{old}".exchange_seal o
WHERE NOT EXISTS (SELECT 1 FROM "{new}".exchange_seal n WHERE n.number = o.number);

DELETE FROM "{new}".exchange_anchor;
INSERT INTO "{new}".exchange_anchor SELECT o.* FROM "{old}".exchange_anchor o;

DELETE FROM "{new}".exchange_check;
INSERT INTO "{new}".exchange_check SELECT o.* FROM "{old}".exchange_check o;

INSERT INTO "{new}".exchange_payload (id, salt, body) SELECT p.id, p.salt, p.body FROM "{old}".exchange_payload p
WHERE NOT EXISTS (SELECT 1 FROM "{new}".exchange_payload n WHERE n.id = p.id)
  AND EXISTS (SELECT 1 FROM "{new}".exchange_ledger n WHERE n.id = p.id AND n.state <> 'stopped');

DELETE FROM "{new}".exchange_payload n
WHERE EXISTS (SELECT 1 FROM "{old}".exchange_ledger l WHERE l.id = n.id)
  AND NOT EXISTS (SELECT 1 FROM "{old}".exchange_payload p WHERE p.id = n.id);

INSERT INTO "{new}".exchange_subject AS n (receiver, subject, last)
SELECT receiver, subject, last FROM "{old}".exchange_subject
ON CONFLICT (receiver, subject) DO UPDATE SET last = greatest(n.last, excluded.last)
"""

#: What was denied since the backup stays denied: who left, what was revoked, withdrawn or lowered. And what both sides
#: agreed on since stays agreed: a signature and a notice have crossed.
_DENIALS = """
UPDATE "{new}".accounts_user n SET is_active = false, retired_at = o.retired_at
FROM "{old}".accounts_user o WHERE o.id = n.id AND n.is_active AND NOT o.is_active;

UPDATE "{new}".accounts_user n SET password = o.password, password_changed_at = o.password_changed_at
FROM "{old}".accounts_user o WHERE o.id = n.id AND o.password_changed_at IS DISTINCT FROM n.password_changed_at
  AND o.password_changed_at > coalesce(n.password_changed_at, '-infinity');

UPDATE "{new}".accounts_token n SET revoked_at = o.revoked_at
FROM "{old}".accounts_token o WHERE o.id = n.id AND n.revoked_at IS NULL AND o.revoked_at IS NOT NULL;

DELETE FROM "{new}".accounts_factor;
INSERT INTO "{new}".accounts_factor SELECT o.* FROM "{old}".accounts_factor o
WHERE EXISTS (SELECT 1 FROM "{new}".accounts_user n WHERE n.id = o.user_id);

DELETE FROM "{new}".accounts_recoverycode;
INSERT INTO "{new}".accounts_recoverycode SELECT o.* FROM "{old}".accounts_recoverycode o
WHERE EXISTS (SELECT 1 FROM "{new}".accounts_user n WHERE n.id = o.user_id);

INSERT INTO "{new}".accounts_signinrule SELECT o.* FROM "{old}".accounts_signinrule o
ON CONFLICT (role) DO UPDATE SET second_factor_from = excluded.second_factor_from;

UPDATE "{new}".customers_consent n SET withdrawn_at = o.withdrawn_at, withdrawn_by_name = o.withdrawn_by_name,
    withdrawn_means = o.withdrawn_means, withdrawn_note = o.withdrawn_note
FROM "{old}".customers_consent o WHERE o.id = n.id AND n.withdrawn_at IS NULL AND o.withdrawn_at IS NOT NULL;

INSERT INTO "{new}".sharing_agreement ({agreement}) SELECT {agreement} FROM "{old}".sharing_agreement o
WHERE NOT EXISTS (SELECT 1 FROM "{new}".sharing_agreement n WHERE n.id = o.id);

UPDATE "{new}".sharing_agreement n SET state = o.state, signed_at = o.signed_at, signed_by_id = o.signed_by_id,
    signed_by_name = o.signed_by_name, signed_by_role = o.signed_by_role, ends_at = o.ends_at,
    end_reason = o.end_reason, told_at = NULL
FROM "{old}".sharing_agreement o WHERE o.id = n.id;

INSERT INTO "{new}".sharing_grant ({grant}) SELECT {grant} FROM "{old}".sharing_grant o
WHERE NOT EXISTS (SELECT 1 FROM "{new}".sharing_grant n WHERE n.contract = o.contract AND n.purpose = o.purpose);

UPDATE "{new}".sharing_grant n SET agreement_id = o.agreement_id, ceiling = o.ceiling, template = o.template,
    required = o.required, changed_at = o.changed_at, changed_by_name = o.changed_by_name,
    fields_denied = o.fields_denied, retention_days = o.retention_days, recipients = o.recipients
FROM "{old}".sharing_grant o WHERE o.contract = n.contract AND o.purpose = n.purpose
  AND o.agreement_id <> n.agreement_id;

UPDATE "{new}".sharing_grant n SET ceiling = o.ceiling, template = o.template, required = o.required,
    changed_at = o.changed_at, changed_by_name = o.changed_by_name, fields_denied = o.fields_denied
FROM "{old}".sharing_grant o WHERE o.contract = n.contract AND o.purpose = n.purpose
  AND {rank_o} < {rank_n};

INSERT INTO "{new}".sharing_countreport (contract, purpose, day, ledger_id, recorded_at)
SELECT contract, purpose, day, ledger_id, recorded_at FROM "{old}".sharing_countreport
ON CONFLICT (contract, purpose, day) DO NOTHING;

INSERT INTO "{new}".sharing_disclosure (id, contract, purpose, record_id, customer_id, day, dimension, counted)
SELECT id, contract, purpose, record_id, customer_id, day, dimension, counted FROM "{old}".sharing_disclosure
ON CONFLICT (id) DO NOTHING;

DELETE FROM "{new}".sharing_erasure n WHERE EXISTS (SELECT 1 FROM "{old}".sharing_erasure o WHERE o.id = n.id);
INSERT INTO "{new}".sharing_erasure ({erasure}) SELECT {erasure} FROM "{old}".sharing_erasure;

INSERT INTO "{new}".sharing_withdrawal ({withdrawal}) SELECT {withdrawal} FROM "{old}".sharing_withdrawal o
WHERE NOT EXISTS (SELECT 1 FROM "{new}".sharing_withdrawal n WHERE n.id = o.id)
  AND NOT (o.state = 'asked' AND EXISTS (SELECT 1 FROM "{new}".sharing_withdrawal n WHERE n.state = 'asked'
           AND n.contract = o.contract AND n.purpose = o.purpose AND n.customer_id IS NULL));

UPDATE "{new}".sharing_withdrawal n SET state = o.state, levels = o.levels, records = o.records,
    decided_at = o.decided_at, decided_by_id = o.decided_by_id, decided_by_name = o.decided_by_name,
    sent_at = o.sent_at, ledger_id = o.ledger_id, receipts = o.receipts
FROM "{old}".sharing_withdrawal o WHERE o.id = n.id
"""
_RANK = (
    "array_position(ARRAY['nothing', 'counts', 'pseudonymous', 'full'], "
    "(CASE WHEN {0}.required THEN {0}.template ELSE {0}.ceiling END)::text)"
)

#: What the manufacturer holds of this dealership decides, with or without the ledger of before.
_LEDGER_OF_MANUFACTURER = """
UPDATE "{new}".exchange_ledger n SET delivered_at = coalesce(n.delivered_at, i.received_at), applied_at = i.applied_at,
    state = CASE i.state WHEN 'applied' THEN 'applied' WHEN 'skipped' THEN 'skipped' WHEN 'refused' THEN 'refused'
            ELSE 'delivered' END
FROM "{portal}".exchange_inbox i WHERE i.id = n.id AND i.sender = %(id)s AND n.state IN ('recorded', 'delivered');

INSERT INTO "{new}".exchange_ledger (id, contract, version, receiver, subject, seq, subject_label, purpose,
    agreement_version, level, released, withheld, path, commitment, state, reason, actor_name, event_at, recorded_at,
    delivered_at, applied_at)
SELECT i.id, i.contract, i.version, %(portal)s, i.subject, i.seq, '', i.purpose, i.agreement_version, i.level,
    coalesce((SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(p.body - '_withheld') k), '[]'),
    coalesce(p.body -> '_withheld', '{{}}'), '[]', i.commitment,
    CASE i.state WHEN 'applied' THEN 'applied' WHEN 'skipped' THEN 'skipped' WHEN 'refused' THEN 'refused'
         ELSE 'delivered' END, 'restored', '', i.event_at, i.received_at, i.received_at, i.applied_at
FROM "{portal}".exchange_inbox i LEFT JOIN "{portal}".exchange_inboxpayload p USING (id)
WHERE i.sender = %(id)s AND NOT EXISTS (SELECT 1 FROM "{new}".exchange_ledger n WHERE n.id = i.id) ORDER BY i.number;

INSERT INTO "{new}".exchange_payload (id, salt, body)
SELECT p.id, '', p.body FROM "{portal}".exchange_inboxpayload p JOIN "{portal}".exchange_inbox i USING (id)
WHERE i.sender = %(id)s AND EXISTS (SELECT 1 FROM "{new}".exchange_ledger n WHERE n.id = i.id AND n.reason = 'restored')
ON CONFLICT (id) DO NOTHING;

INSERT INTO "{new}".exchange_subject AS n (receiver, subject, last)
SELECT receiver, subject, max(seq) FROM "{new}".exchange_ledger WHERE seq IS NOT NULL GROUP BY receiver, subject
ON CONFLICT (receiver, subject) DO UPDATE SET last = greatest(n.last, excluded.last)
"""

#: What the manufacturer sent and the backup does not know is delivered again, in its order; what a person had skipped
#: stays skipped, and so does what has been erased meanwhile.
_DELIVER_AGAIN = """
INSERT INTO "{new}".exchange_inbox (sender, id, contract, version, subject, seq, purpose, agreement_version, level,
    commitment, event_at, state, reason)
SELECT %(portal)s, l.id, l.contract, l.version, l.subject, l.seq, l.purpose, l.agreement_version, l.level, l.commitment,
    l.event_at, CASE WHEN l.state = 'skipped' OR p.id IS NULL THEN 'skipped' ELSE 'received' END,
    CASE WHEN l.state = 'skipped' THEN 'skipped' WHEN p.id IS NULL THEN 'erased' ELSE 'restored' END
FROM "{portal}".exchange_ledger l LEFT JOIN "{portal}".exchange_payload p USING (id)
WHERE l.receiver = %(id)s AND l.state IN ('delivered', 'applied', 'refused', 'skipped')
  AND NOT EXISTS (SELECT 1 FROM "{new}".exchange_inbox n WHERE n.id = l.id) ORDER BY l.number;

INSERT INTO "{new}".exchange_inboxpayload (id, body)
SELECT p.id, p.body FROM "{portal}".exchange_payload p
WHERE EXISTS (SELECT 1 FROM "{new}".exchange_inbox n
              WHERE n.id = p.id AND n.state = 'received' AND n.reason = 'restored')
ON CONFLICT (id) DO NOTHING
"""


def _swap(tenant: Tenant, move_id: UUID, arguments: dict[str, Any], figures: list[Any], backup: Backup) -> Move:
    living, new = tenant.schema_name, beside(tenant)
    kept = f"{living}_until_{clock.now():%Y%m%d_%H%M%S}"
    ids = {"id": str(tenant.id), "portal": str(MANUFACTURER_ID)}
    with owner() as cursor:
        for party in (MANUFACTURER_ID, tenant.id):  # no courier is at either's mail meanwhile
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"courier {party}"])
        had = schema_exists(cursor, living)
        if had:
            cursor.execute(f'ALTER SCHEMA "{living}" RENAME TO "{kept}"')
            cursor.execute(f'REVOKE ALL ON SCHEMA "{kept}" FROM "{living}", courier')
        cursor.execute(f'ALTER SCHEMA "{new}" RENAME TO "{living}"')
        if had:
            ledger = [str(field.column) for field in Ledger._meta.concrete_fields]
            before = {"state": "CASE l.state WHEN 'recorded' THEN 'stopped' ELSE l.state END",
                      "reason": "CASE l.state WHEN 'recorded' THEN 'restored' ELSE l.reason END"}  # fmt: skip
            names = {
                "new": living,
                "old": kept,
                "ledger": ", ".join(ledger),
                "ledger_before": ", ".join(before.get(column, f"l.{column}") for column in ledger),
                "rank_o": _RANK.format("o"),
                "rank_n": _RANK.format("n"),
                "erasure": _columns(Erasure),
                "withdrawal": _columns(Withdrawal),
                "agreement": _columns(Agreement),
                "grant": _columns(Grant),
            }
            cursor.execute((_LEDGER_OF_BEFORE + ";" + _DENIALS).format(**names))
        names = {"new": living, "portal": PORTAL_SCHEMA}
        cursor.execute(_LEDGER_OF_MANUFACTURER.format(**names), ids)
        cursor.execute(_DELIVER_AGAIN.format(**names), ids)
        cursor.execute(f'DELETE FROM "{living}".accounts_session')
        count_on(cursor, living, beyond=kept if had else "")
        cursor.execute(";\n".join(rendering.grant_statements(DEALERSHIP, living)))
        cursor.execute(noting(DEALERSHIP, living))
        cursor.execute(f'SELECT coalesce(max(number), 0) FROM "{living}".exchange_seal')
        # Where the chain goes on: anchors beyond it of before a restore without a living schema tell of what was lost.
        said = {"tables": figures, "made_at": backup.manifest["made_at"], "chain": cursor.fetchone()[0]}
        cursor.execute(
            "INSERT INTO public.tenancy_move (id, tenant_id, kind, source, sha256, kept_schema, ledger_number, "
            "inbox_number, figures) VALUES (%s, %s, 'restore', %s, %s, %s, 0, 0, %s)",
            [str(move_id), str(tenant.id), str(arguments["file"])[-300:], str(arguments.get("sha256", "")),
             kept if had else "", json.dumps(said)],
        )  # fmt: skip
    with bound(AsOwner()):
        return Move.objects.select_related("tenant").get(id=move_id)


def _columns(model: type[Model]) -> str:
    return ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)


# -- living through the time since -------------------------------------------------------------------------------


def _live_again(session: Session, move: Move, progress: Progress) -> Move:
    """Apply what was delivered again, and what was told before, in the order of time; then let the dealership in."""
    begin(progress, "replay")
    figures = session.run(_replay, datetime.fromisoformat(move.figures["made_at"]))
    with bound(AsOwner()), transaction.atomic():
        Move.objects.filter(id=move.id).update(settled_at=clock.now(), figures={**move.figures, **figures})
    reached("moving: settled")
    let_in(move.tenant_id)
    with bound(AsOwner()):
        return Move.objects.select_related("tenant").get(id=move.id)


def _replay(made_at: datetime) -> dict[str, Any]:
    """Bound to the dealership, in its only session. Every part finds out by itself what is left to do."""
    forget_profile()
    delivered = Inbox.objects.filter(reason="restored", state=InboxState.RECEIVED).count()
    retold = 0
    with audit.coming_from("system"):
        for at, record in _untold():
            with clock.history(at, _permit):
                inbox.drain(before=at)
                reached("moving: told")
                retold += retell(record) if isinstance(record, LeadOutcome) else _submit_again(record)
        inbox.drain()
        expire_leads()
        erased = _erase_again()
        _leave_aside()
        owners = _count_on_records()
        figures = {
            "delivered_again": delivered,
            "retold": retold,
            "owners_told": owners,
            "erased_again": erased,
            "only_there": _only_there(made_at),
        }
        audit.record(actor=SYSTEM, action="organisation.restore", obj=Profile.objects.get(), after=figures)
    return figures


def _erase_again() -> int:
    """Erase again whom the backup brought back: those whom this dealership knows it erased, and those for whom the
    manufacturer holds its request, should nothing else be left of the time since. Returns how many."""
    customers = set(Erasure.objects.filter(state__in=("sent", "done")).values_list("customer_id", flat=True))
    asked = Ledger.objects.filter(contract=ErasureRequest.spec.name, seq__isnull=False).exclude(state="stopped")
    for body in Payload.objects.filter(id__in=asked.values("id")).values_list("body", flat=True):
        customers |= {UUID(key) for key in body["owner_keys"] if not is_pseudonym(key)}
    return sum(erase_again(customer) for customer in sorted(customers))


def _untold() -> list[tuple[datetime, LeadOutcome | WarrantyClaim]]:
    """What the ledger says was told of leads and claims and this dealership does not know of itself, in the order of
    telling, with its time."""
    rows = Ledger.objects.filter(contract__in=("LeadOutcome", "WarrantyClaim"), seq__isnull=False).order_by("number")
    bodies = dict(Payload.objects.filter(id__in=rows.values("id")).values_list("id", "body"))
    known = set(LeadMilestone.objects.values_list("lead_id", "fence", "event"))
    revisions = dict(Claim.objects.values_list("pk", "revision"))
    found: list[tuple[datetime, LeadOutcome | WarrantyClaim]] = []
    for row in rows.exclude(state="stopped"):
        if row.id not in bodies:
            continue
        if row.contract == LeadOutcome.spec.name:
            outcome = LeadOutcome.from_json(bodies[row.id], partial=True)
            if (outcome.lead_id, outcome.fence, str(outcome.event)) not in known:
                found.append((outcome.at, outcome))
        else:
            claim = WarrantyClaim.from_json(bodies[row.id], partial=True)
            if claim.revision > revisions.get(claim.claim_id, claim.revision):
                found.append((row.event_at, claim))
    return found


@transaction.atomic
def _submit_again(record: WarrantyClaim) -> bool:
    """A claim that was sent up since the backup is sent up here too, silently, so that its decision finds it."""
    claim = Claim.objects.select_for_update().filter(pk=record.claim_id, revision__lt=record.revision).first()
    if claim is None or not may_move(claim.state, ClaimState.SUBMITTED, CLAIM_TRANSITIONS):
        return False
    before = {"state": move(claim, "state", ClaimState.SUBMITTED, CLAIM_TRANSITIONS), "revision": claim.revision}
    claim.revision, claim.submitted_at = record.revision, clock.now()
    claim.save(update_fields=["state", "revision", "submitted_at"])
    after = {"state": claim.state, "revision": claim.revision}
    audit.record(actor=SYSTEM, action="warranty.submit", obj=claim, before=before, after=after, note="restored")
    return True


def _leave_aside() -> int:
    """Answers to what is not here any more are left aside, with the reason; nobody here could apply them."""
    gone = Inbox.objects.filter(state=InboxState.REFUSED, reason__in=("unknown_claim", "unknown_revision"))
    number = 0
    for message in gone:
        inbox.skip(message.id, reason="restored", actor=SYSTEM)
        number += 1
    return number


@transaction.atomic
def _count_on_records() -> int:
    """Numbers that the manufacturer has seen are not given again: revisions of claims, versions of owners. An owner
    whom it knows in a version of the lost time is told anew, as he stands here; returns how many were."""
    rows = Ledger.objects.filter(contract__in=("WarrantyClaim", "Owner"), seq__isnull=False).exclude(state="stopped")
    versions: dict[UUID, int] = {}
    bodies = dict(Payload.objects.filter(id__in=rows.values("id")).values_list("id", "body"))
    for row in rows:
        body = bodies.get(row.id, {})
        if row.contract == "WarrantyClaim" and "revision" in body:
            Claim.objects.filter(pk=body["claim_id"], revision__lt=body["revision"]).update(revision=body["revision"])
        elif row.contract == "Owner" and "version" in body:
            versions[row.subject] = max(versions.get(row.subject, 0), int(body["version"]))
    told = 0
    for vehicle in Vehicle.objects.order_by("pk") if versions else ():
        seen = max(versions.get(wire_subject(Owner.spec, vehicle.pk, purpose), 0) for purpose in Owner.spec.purposes)
        if seen > vehicle.party_version:
            vehicle.party_version = seen + 1
            vehicle.save(update_fields=["party_version"])
            for ownership in Ownership.objects.filter(vehicle=vehicle, until=None).select_related(
                "vehicle", "customer"
            ):
                share_owner(ownership, SYSTEM, clock.now())
                told += 1
    return told


def _bodies(rows: Any) -> list[tuple[str, dict[str, Any]]]:
    contracts = dict(rows.values_list("id", "contract"))
    return [(contracts[id_], body) for id_, body in Payload.objects.filter(id__in=contracts).values_list("id", "body")]


#: Records that a person has to enter again, because the manufacturer knows them and this dealership does not any more.
_RECORDS = {"VehicleSale": "sale_id", "ServiceVisit": "visit_id", "WarrantyClaim": "claim_id"}


def _only_there(made_at: datetime) -> dict[str, list[str]]:
    """By contract: what the manufacturer was told since the backup of records that are not here, in words."""
    here = {
        "VehicleSale": {str(pk) for pk in Delivery.objects.values_list("pk", flat=True)},
        "ServiceVisit": {str(pk) for pk in RepairOrder.objects.values_list("pk", flat=True)},
        "WarrantyClaim": {str(pk) for pk in Claim.objects.values_list("pk", flat=True)},
    }
    rows = Ledger.objects.filter(contract__in=_RECORDS, seq__isnull=False, event_at__gte=made_at).exclude(
        state="stopped"
    )
    found: dict[str, list[str]] = {}
    for contract, body in _bodies(rows):
        record = str(body.get(_RECORDS[contract]))
        if record not in here[contract]:
            found.setdefault(contract, []).append(str(body.get("vin") or body.get("number") or record))
    return {contract: sorted(set(words)) for contract, words in found.items()}

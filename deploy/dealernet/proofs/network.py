"""A throw-away network for the proofs: every role on each side, and one living object of every kind.

Everything is made through the product's own actions and the exchange. Names and free texts carry canaries,
`CANARY-<slug>-<table>-<field>`: a text that turns up where it must not tells whose it is and where it came from.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from kernel.tenancy.bindings import Owner, bound
from kernel.testing.network import PASSWORD, Network, Side

#: The living objects of one member by kind, as they stand in addresses: ids, slugs, codes, tokens.
Living = dict[str, str]


def canary(slug: str, table: str, field: str) -> str:
    """The text that marks a field of a member's table."""
    return f"CANARY-{slug}-{table}-{field}"


class World:
    """The network with its living objects."""

    def __init__(self, network: Network) -> None:
        self.network = network
        #: slug → kind → what stands in an address
        self.living: dict[str, Living] = {"portal": {}, "north": {}, "south": {}}

    @property
    def sides(self) -> dict[str, Side]:
        """The members by slug."""
        return {side.slug: side for side in (self.network.portal, self.network.north, self.network.south)}

    def build(self) -> None:
        """Make the network and keep it as a template."""
        self.network.build(self._seed)

    def _seed(self, network: Network) -> None:
        for side in self.sides.values():
            _people(side, self.living[side.slug])
        with network.portal.bound():
            _master_data(network, self.living["portal"])
        with bound(Owner()):
            _fail_to_join()
        with network.portal.bound():
            _note_failure(self.living["portal"])
            _ask_to_close(self.living["portal"])
        for side in (network.north, network.south):
            with side.bound():
                _first_settings(side, self.living[side.slug])
        for side in (network.north, network.south):
            _address(side, self.living[side.slug])
        with network.portal.bound():
            for side in (network.north, network.south):
                _offers(side, self.living["portal"], self.living[side.slug])
            _own_leads(self.living["portal"])
        self._drain()
        for side in (network.north, network.south):
            with side.bound():
                _customers(side, self.living[side.slug])
                _sales(side, self.living[side.slug])
                _workshop(side, self.living[side.slug])
        self._drain()
        for side in (network.north, network.south):
            with side.bound():
                _strange_outcome()
        with network.portal.bound():
            for side in (network.north, network.south):
                _strange_decision(side)
            _decisions(network, self.living["portal"], {s: self.living[s] for s in ("north", "south")})
            _looked(network)
            _asked_to_be_let_in(network, self.living["portal"])
        self._drain()
        _anchor()
        for side in self.sides.values():
            with side.bound():
                _bookkeeping(side, self.living[side.slug])

    @staticmethod
    def _drain() -> None:
        from exchange import reconciling
        from exchange.testing import drain_exchange

        drain_exchange()
        reconciling.go_on()


def _address(side: Side, living: Living) -> None:
    """A host name that a dealership has asked for. Called unbound."""
    from kernel.tenancy.steward import domains

    by = canary(side.slug, "tenancy_hostclaim", "asked_by")
    living["address"] = str(domains.ask(side.slug, f"www.{side.slug}.example", by=by).pk)


# -- people ----------------------------------------------------------------------------------------------------


def _people(side: Side, living: Living) -> None:
    from kernel.accounts import actions
    from kernel.accounts.actors import SYSTEM, Actor
    from kernel.accounts.models import User
    from kernel.accounts.roles import DEALERSHIP_ROLES, PORTAL_ROLES, Role

    portal = side.slug == "portal"
    with side.bound():
        for role in sorted(PORTAL_ROLES if portal else DEALERSHIP_ROLES):
            user = User(login=role, name=f"{canary(side.slug, 'accounts_user', 'name')}-{role}", role=role)
            user.email = f"{role}@{side.slug}.example"
            user.language = "en"
            user.set_password(PASSWORD)
            user.save(force_insert=True)
            living[f"user_{role}"] = str(user.pk)
        clerk = Role.AUDITOR if portal else Role.TECHNICIAN
        extra = {
            "retired": actions.add_person(actor=SYSTEM, login="retired", name="Retired", role=clerk, language="en"),
            "invited": actions.add_person(actor=SYSTEM, login="invited", name="Invited", role=clerk, language="en"),
            "leaving": actions.add_person(
                actor=SYSTEM,
                login="leaving",
                name=canary(side.slug, "accounts_user", "leaving"),
                role=clerk,
                email=f"leaving@{side.slug}.example",
                language="en",
            ),
        }
        for kind in ("retired", "leaving"):
            extra[kind].set_password(PASSWORD)
            extra[kind].save()
        manager = Actor.of(User.objects.get(role=Role.NETWORK_ADMIN if portal else Role.GENERAL_MANAGER))
        url = actions.invite(actor=manager, person=extra["invited"], host=side.host)
        living["invitation"] = url.rstrip("/").rsplit("/", 1)[1]
        living |= {f"user_{kind}": str(user.pk) for kind, user in extra.items()}


# -- the manufacturer's master data ----------------------------------------------------------------------------


#: Something to publish.
_UNPUBLISHED = {"code": "P9999", "name_zh_hans": "新", "name_zh_hant": "新", "name_en": "New", "system": "engine"}


def _master_data(network: Network, living: Living) -> None:
    from dealernet.demo import catalogue
    from kernel.accounts.actors import SYSTEM
    from oem.catalogue.actions import import_entries
    from oem.catalogue.nouns import noun_called
    from oem.network import actions

    catalogue.load(actor=SYSTEM)
    living |= {"noun": "brands", "code": "XH", "series": "XH-HF", "brand": "XH", "region": "44"}
    import_entries(actor=SYSTEM, noun=noun_called("fault-codes"), rows=[_UNPUBLISHED])
    actions.add_dealership(actor=SYSTEM, slug="west", name="West Motors", manager_name="Somebody")
    for side, province, city in ((network.north, "11", "1101"), (network.south, "44", "4403")):
        dealership = actions.enter_dealership(
            actor=SYSTEM, id=side.id, slug=side.slug, name=f"{side.slug.title()} Motors", province=province, city=city
        )
        for brand in ("XH", "YC"):
            capability = actions.grant_capability(
                actor=SYSTEM,
                dealership=dealership,
                brand=brand,
                sells=True,
                services=True,
                valid_from=date(2023, 1, 1),
            )
        site = actions.add_site(
            actor=SYSTEM,
            dealership=dealership,
            name=canary(side.slug, "network_site", "name"),
            city=city,
        )
        territory = actions.assign_territory(actor=SYSTEM, dealership=dealership, region=city, rank=1)
        if side is network.north:
            living |= {
                "dealership": dealership.slug,
                "dealership_id": str(dealership.pk),
                "site": str(site.pk),
                "capability": str(capability.pk),
                "territory": str(territory.pk),
            }
        else:
            living["other_dealership"] = dealership.slug
            living["other_dealership_id"] = str(dealership.pk)
    _agreements(living)


def _agreements(living: Living) -> None:
    """A version that is being drawn up, and what a dealership has told of the one in force there."""
    from kernel import clock
    from kernel.accounts.actors import SYSTEM
    from kernel.contracts import DecisionStep, SharingDecision
    from kernel.contracts.agreements import default_agreement
    from kernel.ids import new_id
    from oem.agreements.actions import draft_proposal, note_decision

    text = default_agreement()
    living["draft"] = str(draft_proposal(actor=SYSTEM, base=text.version).pk)
    told = SharingDecision(
        step=DecisionStep.SIGNED,
        at=clock.now(),
        version=text.version,
        text_hash=text.digest,
        signed_at=clock.now(),
        ceilings=[],
    )
    note_decision(dealership=UUID(living["dealership_id"]), message=new_id(), record=told)


def _fail_to_join() -> None:
    """The steward's answer to a dealership that cannot be set up."""
    from kernel.tenancy.models import RequestState, StewardRequest

    StewardRequest.objects.filter(state=RequestState.WAITING).update(state=RequestState.FAILED, error="for the proof")


def _note_failure(living: Living) -> None:
    from kernel.accounts.actors import SYSTEM
    from oem.network.actions import note_answer
    from oem.network.models import Dealership

    failed = Dealership.objects.get(slug="west")
    note_answer(actor=SYSTEM, dealership=failed)
    living["dealership_failed"] = failed.slug


def _ask_to_close(living: Living) -> None:
    """A dealership whose closing was asked for, and which no operator has confirmed."""
    from kernel.accounts.actors import SYSTEM
    from kernel.ids import new_id
    from oem.network import actions

    dealership = actions.enter_dealership(actor=SYSTEM, id=new_id(), slug="east", name="East Motors")
    actions.retire_dealership(actor=SYSTEM, dealership=dealership, confirmation=dealership.slug)
    living["dealership_retiring"] = dealership.slug


def _taken_in(slug: str, number: int, **fields: Any) -> Any:
    from kernel.accounts.actors import SYSTEM
    from oem.leads.actions import take_in_lead

    given = {
        "name": f"{canary(slug, 'leads_lead', 'name')}-{number}",
        "phone": f"+86138{'1' if slug == 'north' else '2'}000{number:04d}",
        "brand": "XH",
        "series": "XH-HF",
        "wish_text": f"{canary(slug, 'leads_lead', 'wish')}-{number}",
    } | fields
    return take_in_lead(given=given, door="json", source="website", actor=SYSTEM)[1][0]


def _offers(side: Side, portal: Living, living: Living) -> None:
    """Leads offered to a dealership: two wait, one will be accepted, one declined (and then goes to the next, so
    it carries nobody's canary)."""
    from kernel.accounts.actors import SYSTEM
    from oem.leads.actions import route_by_hand

    for number, kind in enumerate(("lead", "lead_accepted", "lead_declined", "lead_to_assign"), start=1):
        plain = {"name": "Somebody", "wish_text": "soon"} if kind == "lead_declined" else {}
        lead = _taken_in(side.slug, number, **plain)
        route_by_hand(lead_id=lead.pk, dealership=side.id, actor=SYSTEM, reason="for the proof")
        living[kind] = str(lead.pk)
        if side.slug == "north":
            portal[f"{kind}_north"] = str(lead.pk)


def _own_leads(living: Living) -> None:
    from kernel.accounts.actors import SYSTEM
    from oem.leads.actions import take_in_adf

    living["lead_received"] = str(_taken_in("portal", 1).pk)
    text = f"\x00 no document {canary('portal', 'leads_rawbytes', 'data')}"
    _intake, (lead,) = take_in_adf(data=text.encode(), content_type="text/plain", source="mail", actor=SYSTEM)
    living["lead_unread"] = str(lead.pk)


# -- a dealership ----------------------------------------------------------------------------------------------


def _first_settings(side: Side, living: Living) -> None:
    from dealer.organisation import actions
    from dealer.organisation.models import Department, Site
    from dealer.sharing.actions import change_level, receive_agreement, start_backfill
    from dealer.sharing.models import Agreement, Grant
    from kernel.accounts.actors import SYSTEM
    from kernel.accounts.models import User
    from kernel.contracts.agreements import default_agreement

    manager = side.actor("general_manager")
    actions.update_profile(actor=manager, address=canary(side.slug, "organisation_profile", "address"))
    picture = _png(200, 80, hidden=canary(side.slug, "organisation_profile", "logo"))
    living["logo"] = actions.set_logo(actor=manager, upload=io.BytesIO(picture), size=len(picture)).logo
    living["png"] = picture.hex()
    site = actions.save_site(
        actor=manager,
        name=canary(side.slug, "organisation_site", "name"),
        departments=["sales", "service"],
    )
    main = Site.objects.filter(is_main=True).first() or site
    department = Department.objects.filter(site=site).first()
    employee = actions.set_employee(
        actor=manager,
        user=User.objects.get(login="leaving"),
        department_id=department.pk if department else None,
        job_title=canary(side.slug, "organisation_employee", "job_title"),
    )
    living |= {"site": str(site.pk), "main_site": str(main.pk), "employee": str(employee.user_id)}
    for contract, purpose in (("Owner", "customer_care"), ("ServiceVisit", "analytics")):
        change_level(actor=manager, contract=contract, purpose=purpose, level="full")
    living["agreement"] = str(Agreement.objects.get().pk)
    text = replace(default_agreement(), version="2031-1")
    proposed = receive_agreement(actor=SYSTEM, text=text)
    living |= {"agreement_proposed": str(proposed.pk), "agreement_hash": proposed.text_hash}
    grant = Grant.objects.get(contract="Owner")
    living["grant"] = str(grant.pk)
    visits = Grant.objects.get(contract="ServiceVisit")
    living["backfill"] = str(start_backfill(actor=manager, grant=visits, since=_day(-30)).pk)


def _customers(side: Side, living: Living) -> None:
    from dealer.customers import actions

    adviser, slug = side.actor("service_adviser"), side.slug
    tail = "1" if slug == "north" else "2"

    def customer(number: int, **fields: Any) -> Any:
        return actions.create_customer(
            actor=adviser,
            department="whole",
            surname=canary(slug, "customers_customer", f"surname-{number}"),
            phone=f"+86139{tail}000{number:04d}",
            email=f"person{number}@{slug}.example",
            address=canary(slug, "customers_customer", "address"),
            note=canary(slug, "customers_customer", "note"),
            **fields,
        )

    owner, friend, fresh = customer(1), customer(2), customer(3)
    vehicle = actions.register_vehicle(
        actor=adviser,
        vin=_vin(slug, 1),
        brand="XH",
        series="XH-HF",
        model="XH-HF-26",
        delivered_on=_day(-100),
        sold_by_us=True,
        plate=f"京A{tail}2345",
    )
    actions.record_consent(
        actor=adviser,
        customer=owner,
        purpose="customer_care",
        recipient="manufacturer",
        evidence=canary(slug, "customers_consent", "evidence"),
    )
    party = actions.set_party(actor=adviser, vehicle=vehicle, customer=owner)
    other = actions.register_vehicle(actor=adviser, vin=_vin(slug, 2), brand="XH", series="XH-HF")
    actions.set_party(actor=adviser, vehicle=other, customer=friend)
    reading = actions.record_odometer(actor=adviser, vehicle=vehicle, km=1000, on=_day(-60), source="customer")
    marketing = actions.record_consent(
        actor=adviser,
        customer=owner,
        purpose="marketing",
        recipient="dealer",
        channels=["phone"],
        evidence=canary(slug, "customers_consent", "evidence"),
    )
    interaction = actions.log_interaction(
        actor=adviser,
        customer=owner,
        channel="phone",
        content=canary(slug, "customers_interaction", "content"),
        result=canary(slug, "customers_interaction", "result"),
    )
    living |= {
        "customer": str(owner.pk),
        "customer_friend": str(friend.pk),
        "customer_fresh": str(fresh.pk),
        "vehicle": str(vehicle.pk),
        "vehicle_friend": str(other.pk),
        "vin": vehicle.vin,
        "vin_unused": _vin(slug, 99),
        "phone": owner.phone.removeprefix("+86"),
        "party": str(party.pk),
        "reading": str(reading.pk),
        "consent": str(marketing.pk),
        "interaction": str(interaction.pk),
    }


def _vin(slug: str, serial: int) -> str:
    from kernel.automotive.vin import make_vin

    return make_vin("LSV", "AB12C", 2026, "A", serial + (100 if slug == "north" else 200))


def _sales(side: Side, living: Living) -> None:
    from dealer.sales import actions
    from dealer.sales.models import ChecklistItem
    from dealer.stock.actions import receive_vehicle
    from kernel import clock

    consultant, manager, slug = side.actor("sales_consultant"), side.actor("sales_manager"), side.slug
    stock = side.actor("stock_clerk")
    tail = "3" if slug == "north" else "4"

    def car(serial: int) -> Any:
        return receive_vehicle(
            actor=stock,
            vin=_vin(slug, serial),
            brand="XH",
            series="XH-HF",
            model="XH-HF-26",
            list_price=Decimal("168800"),
            location=canary(slug, "stock_stockvehicle", "location"),
        )

    def prospect(number: int, **fields: Any) -> Any:
        return actions.create_prospect(
            actor=consultant,
            person={
                "surname": canary(slug, "customers_customer", f"surname-p{number}"),
                "phone": f"+86139{tail}000{number:04d}",
            },
            channel="showroom_visit",
            wish=canary(slug, "sales_prospect", "wish"),
            **fields,
        )

    def quote(of: Any, vehicle: Any) -> Any:
        return actions.make_quotation(
            actor=consultant,
            prospect_id=of.pk,
            vehicle_id=vehicle.pk,
            discount=Decimal("800"),
            note=canary(slug, "sales_quotation", "note"),
        )

    cars = [car(serial) for serial in range(10, 16)]
    accepted = actions.accept_lead(actor=consultant, lead_id=UUID(living["lead_accepted"])).prospect
    actions.decline_lead(
        actor=consultant,
        lead_id=UUID(living["lead_declined"]),
        reason="no_capacity",
        text=canary(slug, "sales_lead", "decline"),
    )
    running = prospect(1)
    follow_up = actions.record_follow_up(
        actor=consultant,
        prospect_id=running.pk,
        channel="phone",
        result="interested",
        note=canary(slug, "sales_followup", "note"),
    )
    drive = actions.book_test_drive(
        actor=consultant,
        prospect_id=running.pk,
        scheduled_at=clock.now() + timedelta(minutes=30),
        vehicle_id=cars[0].pk,
        note=canary(slug, "sales_testdrive", "note"),
    )
    open_quotation = quote(running, cars[0])
    waiting_for = prospect(2)
    waiting = actions.sign_contract(
        actor=consultant, quotation_id=quote(waiting_for, cars[1]).pk, instalments=_plan(Decimal("168000"))
    )
    ready_for = prospect(3)
    ready = actions.sign_contract(
        actor=consultant, quotation_id=quote(ready_for, cars[2]).pk, instalments=_plan(Decimal("168000"))
    )
    actions.approve_contract(actor=manager, contract_id=ready.pk)
    bought = prospect(4)
    done = actions.sign_contract(actor=consultant, quotation_id=quote(bought, cars[3]).pk)
    actions.approve_contract(actor=manager, contract_id=done.pk)
    delivery = actions.deliver_vehicle(
        actor=consultant, contract_id=done.pk, note=canary(slug, "sales_delivery", "note"), plate=f"京B{tail}2345"
    )
    lost = prospect(5)
    actions.lose_prospect(
        actor=consultant, prospect_id=lost.pk, reason="price", text=canary(slug, "sales_prospect", "lost")
    )
    living |= {
        "stock_vehicle": str(cars[4].pk),
        "stock_vehicle_free": str(cars[5].pk),
        "stock_vehicle_held": str(cars[2].pk),
        "prospect_of_lead": str(accepted.pk),
        "prospect": str(running.pk),
        "prospect_lost": str(lost.pk),
        "customer_sales": str(running.customer_id),
        "follow_up": str(follow_up.pk),
        "test_drive": str(drive.pk),
        "quotation": str(open_quotation.pk),
        "contract": str(waiting.pk),
        "contract_ready": str(ready.pk),
        "contract_done": str(done.pk),
        "delivery": str(delivery.pk),
        "instalment": str(waiting.instalments.all()[0].pk),
        "instalment_ready": str(ready.instalments.all()[0].pk),
        "checklist": ",".join(ChecklistItem.values),
    }


def _plan(total: Decimal) -> Any:
    from dealer.sales.actions import contracts

    return (contracts.Due(kind="deposit", amount=total, due_on=_day(7)),)


def _workshop(side: Side, living: Living) -> None:
    from dealer.customers.models import Customer, Vehicle
    from dealer.warranty.actions import submit_claim
    from dealer.warranty.models import Claim
    from dealer.workshop import actions
    from kernel import clock
    from kernel.accounts.models import User

    adviser, slug = side.actor("service_adviser"), side.slug
    technician = User.objects.get(login="technician")
    owner = Customer.objects.get(pk=living["customer"])
    friend = Customer.objects.get(pk=living["customer_friend"])
    vehicle, other = Vehicle.objects.get(pk=living["vehicle"]), Vehicle.objects.get(pk=living["vehicle_friend"])
    appointment = actions.book_appointment(
        actor=adviser,
        customer=friend,
        vehicle=other,
        starts_at=clock.now() + timedelta(days=1),
        wish=canary(slug, "workshop_appointment", "wish"),
    )
    due = actions.book_appointment(
        actor=adviser, customer=friend, vehicle=other, starts_at=clock.now() - timedelta(minutes=5)
    )
    living |= {"appointment": str(appointment.pk), "appointment_due": str(due.pk)}
    for number in range(2):
        order = actions.open_repair_order(
            actor=adviser,
            customer=owner,
            vehicle=vehicle,
            odometer_km=2000 + number,
            complaints=[f"{canary(slug, 'workshop_job', 'complaint')}-{number}"],
        )
        job = order.jobs.get()
        actions.assign_technician(actor=adviser, job=job, technician=technician)
        actions.start_job(actor=adviser, job=job)
        actions.update_job(
            actor=adviser,
            job=job,
            cause=canary(slug, "workshop_job", "cause"),
            correction=canary(slug, "workshop_job", "correction"),
            fault_code="P0011",
        )
        actions.add_line(actor=adviser, job=job, kind="labour", code="XH-M020", pay_type="warranty")
        actions.add_line(actor=adviser, job=job, kind="part", code="XH-1001-01", pay_type="warranty", causal=True)
        actions.finish_job(actor=adviser, job=job)
        actions.mark_ready(actor=adviser, order=order)
        actions.close_repair_order(actor=adviser, order=order)
        claim = Claim.objects.get(repair_order=order)
        living[f"order_closed_{number}"] = str(order.pk)
        if number == 0:
            submit_claim(actor=adviser, claim=claim)
            living["claim"] = str(claim.pk)
        else:
            living["claim_draft"] = str(claim.pk)
            living["claim_line"] = str(claim.lines.all()[0].pk)
    running = actions.open_repair_order(
        actor=adviser,
        customer=owner,
        vehicle=vehicle,
        odometer_km=2100,
        complaints=[canary(slug, "workshop_job", "complaint"), canary(slug, "workshop_job", "complaint-open")],
    )
    first, second = running.jobs.order_by("position")
    actions.assign_technician(actor=adviser, job=first, technician=technician)
    actions.start_job(actor=adviser, job=first)
    line = actions.add_line(
        actor=adviser,
        job=first,
        kind="part",
        code="XH-1001-01",
        description=canary(slug, "workshop_jobline", "description"),
    )
    for serial, kind in ((3, "order_open"), (4, "order_worked"), (5, "order_ready")):
        living[kind] = str(_one_more_order(side, serial, kind).pk)
    living |= {
        "order": str(running.pk),
        "job": str(first.pk),
        "job_open": str(second.pk),
        "job_line": str(line.pk),
    }


def _one_more_order(side: Side, serial: int, kind: str) -> Any:
    """An order of a car of its own: just opened, with its work done, or ready to be closed."""
    from dealer.customers.actions import register_vehicle, set_party
    from dealer.customers.models import Customer
    from dealer.workshop import actions

    adviser = side.actor("service_adviser")
    car = register_vehicle(actor=adviser, vin=_vin(side.slug, serial), brand="XH", series="XH-HF")
    customer = Customer.objects.get(surname=canary(side.slug, "customers_customer", "surname-3"))
    set_party(actor=adviser, vehicle=car, customer=customer)
    order = actions.open_repair_order(
        actor=adviser, customer=customer, vehicle=car, odometer_km=100, complaints=["It rattles."]
    )
    if kind == "order_open":
        return order
    job = order.jobs.get()
    actions.start_job(actor=adviser, job=job)
    actions.update_job(actor=adviser, job=job, cause="Loose.", correction="Tightened.")
    actions.add_line(actor=adviser, job=job, kind="labour", code="XH-M020")
    actions.finish_job(actor=adviser, job=job)
    if kind == "order_ready":
        actions.mark_ready(actor=adviser, order=order)
    return order


# -- what came up, and the books ------------------------------------------------------------------------------


def _decisions(network: Network, living: Living, dealers: dict[str, Living]) -> None:
    from oem.aftersales.models import Claim, ServiceVisit
    from oem.owners.models import Owner, Sale

    north = network.north.id
    lines = list(Claim.objects.get(pk=dealers["north"]["claim"]).lines.order_by("line_id"))
    living |= {
        "claim": dealers["north"]["claim"],
        "claim_line": str(lines[0].line_id),
        "claim_line_2": str(lines[1].line_id),
        "visit": str(ServiceVisit.objects.filter(dealership=north)[0].pk),
        "owner": str(Owner.objects.filter(dealership=north, vin=dealers["north"]["vin"])[0].pk),
        "sale": str(Sale.objects.filter(dealership=north)[0].pk),
        "vin": dealers["north"]["vin"],
    }


def _strange_outcome() -> None:
    """The portal refuses what a dealership tells of a lead that it never held."""
    from dealer.sharing.actions import share
    from kernel import clock
    from kernel.accounts.actors import SYSTEM
    from kernel.contracts import LeadEvent, LeadOutcome

    nobodys, now = uuid4(), clock.now()
    record = LeadOutcome(lead_id=nobodys, fence=1, event=LeadEvent.CONTACTED, at=now)
    share(record, subject=nobodys, actor=SYSTEM, event_at=now)


def _strange_decision(side: Side) -> None:
    """A dealership refuses the decision of a claim that it never made."""
    from exchange.outbound import send_down
    from kernel import clock
    from kernel.accounts.actors import SYSTEM
    from kernel.contracts import ClaimDecision, ClaimOutcome, Purpose

    nobodys, now = uuid4(), clock.now()
    record = ClaimDecision(
        claim_id=nobodys,
        revision=1,
        decided_at=now,
        outcome=ClaimOutcome.REFUSED,
        approved_total=Decimal(0),
        currency="CNY",
        rule_version="1",
        decided_by_role="warranty_analyst",
        lines=[
            {
                "line_id": nobodys,
                "outcome": ClaimOutcome.REFUSED,
                "approved_amount": Decimal(0),
                "reason_code": None,
                "reason_text": None,
            }
        ],
    )
    send_down(record, to=side.id, subject=nobodys, purpose=Purpose.WARRANTY, actor=SYSTEM, event_at=now)


def _bookkeeping(side: Side, living: Living) -> None:
    from exchange.chain.queries import signed_days
    from exchange.models import Ledger
    from kernel.accounts.mail import put_in_outbox
    from kernel.audit.models import Entry

    living["entry"] = str(Entry.objects.order_by("-pk")[0].pk)
    living["message"] = str(Ledger.objects.order_by("number")[0].pk)
    if side.slug != "portal":
        _support(side, living)
        living["ledger_day"] = signed_days()[0].isoformat()
        living["message_owner"] = str(Ledger.objects.filter(contract="Owner").order_by("number")[0].pk)
        _export(side, living)
        _taken_back(side, living)
    else:
        _asked_of_us(living)
    _parked(living)
    put_in_outbox(
        to=f"somebody@{side.slug}.example", subject=canary(side.slug, "accounts_outboxmail", "subject"), body="-"
    )
    _second_factors(side, living)  # first: whoever adds one is signed out everywhere else
    _tokens_and_sessions(side, living)


def _taken_back(side: Side, living: Living) -> None:
    """A question about what went earlier, and somebody whom the manufacturer asks to erase."""
    from dealer.sharing.erasing.actions import receive_request
    from dealer.sharing.models import Erasure, Withdrawal
    from dealer.sharing.takingback.actions import choose
    from kernel import clock
    from kernel.contracts import ErasureRequest

    question = Withdrawal.objects.create(
        contract="Owner",
        purpose="customer_care",
        why="lowered",
        asked_at=clock.now(),
        decided_by_name=canary(side.slug, "sharing_withdrawal", "decided_by_name"),
    )
    choose(actor=side.actor("general_manager"), contract="Owner", purpose="customer_care", takes_back=True)
    asked = ErasureRequest(
        erasure_id=uuid4(), owner_keys=[living["customer_fresh"]], lead_ids=[], message_ids=[], place="CN"
    )
    receive_request(asked)
    living |= {"withdrawal": str(question.pk), "erasure": str(Erasure.objects.get().pk)}


def _asked_of_us(living: Living) -> None:
    """A person who asked the manufacturer to be erased."""
    from kernel import clock
    from oem.privacy.models import Request

    made = Request.objects.create(
        kind="erasure", at=clock.now(), by_name=canary("portal", "privacy_request", "by_name"), settled_at=clock.now()
    )
    living["request"] = str(made.pk)


def _export(side: Side, living: Living) -> None:
    from dealer.organisation import exporting
    from dealer.organisation.actions import request_export

    export = request_export(actor=side.actor("general_manager"))
    exporting.make(export.pk)
    living["export"] = str(export.pk)


def _anchor() -> None:
    """The heads of the ledgers are anchored and signed, and the ledgers checked. Called unbound."""
    from django.conf import settings
    from django.test.utils import override_settings

    from exchange.chain import anchors, checking
    from exchange.courier import parties
    from kernel.tenancy.bindings import Courier, bound

    with override_settings(LEDGER_HEADS=f"{settings.MEDIA_ROOT}-ledger-heads"):
        with bound(Courier()):
            anchors.anchor_what_is_due(parties())
        checking.check_what_is_due()


def _looked(network: Network) -> None:
    """Somebody at the portal opens every owner, and the dealerships are told."""
    from oem.owners.actions import note_reading, report_readings
    from oem.owners.models import Owner

    reader = network.portal.actor("crm_analyst")
    for owner in Owner.objects.all():
        note_reading(actor=reader, owners=[owner])
    report_readings()


def _asked_to_be_let_in(network: Network, living: Living) -> None:
    """The manufacturer's question to a dealership, which nobody has answered."""
    from oem.network.models import Dealership
    from oem.support.actions import ask_access

    ask, _code = ask_access(
        actor=network.portal.actor("network_manager"),
        dealership=Dealership.objects.get(pk=network.north.id),
        purpose="warranty",
        reason="Claims stay open.",  # no canary: the dealership reads it too
        hours=2,
        may="read",
        area="technical",
    )
    living["ask"] = str(ask.pk)


def _support(side: Side, living: Living) -> None:
    """A support request that waits, and one that is open, with a link that nobody has used."""
    from dealer.support import actions
    from kernel.accounts.actors import SYSTEM

    def asked() -> Any:
        return actions.ask_access(
            actor=SYSTEM,
            by="Li Wei",  # no canary: whoever holds the link reads it
            reason=canary(side.slug, "support_access", "reason"),
            hours=8,
        )

    let_in = actions.approve_access(
        actor=side.actor("general_manager"), access=asked(), hours=8, may="read", area="everything"
    )
    actions.note_act(access=let_in, method="GET", path=f"/{canary(side.slug, 'support_act', 'path')}/", status=404)
    living["support_code"] = actions.make_code(actor=SYSTEM, access=let_in)
    living |= {"support_open": str(let_in.pk), "support_asked": str(asked().pk)}


def _parked(living: Living) -> None:
    """A message that waits for a person, because what it speaks of is not known here."""
    from exchange.models import Inbox, InboxState, Reconciliation

    living["compared"] = str(Reconciliation.objects.all()[0].member)
    refused = Inbox.objects.filter(state=InboxState.REFUSED)[0]
    living |= {"parked": str(refused.pk), "parked_reason": refused.reason}


def _tokens_and_sessions(side: Side, living: Living) -> None:
    """One token and sign-in to end, those of somebody retired, and the sign-in of a stranger's realm."""
    from kernel.accounts import actions
    from kernel.accounts.actors import Actor
    from kernel.accounts.models import Session, User
    from kernel.accounts.scopes import scopes_for
    from kernel.accounts.sessions import hash_of
    from kernel.accounts.testing import open_session

    leaving, retired = User.objects.get(login="leaving"), User.objects.get(login="retired")
    for kind, person in (("leaving", leaving), ("retired", retired)):
        token, text = actions.create_token(
            actor=Actor.of(person),
            user=person,
            name=canary(side.slug, "accounts_token", "name"),
            scopes=scopes_for(person.role),
        )
        _name, key = open_session(person, tenant_id=side.id)
        living |= {f"token_{kind}": str(token.pk), f"bearer_{kind}": text, f"cookie_{kind}": key}
        living[f"session_{kind}"] = str(Session.objects.get(key_hash=hash_of(key)).pk)
    manager = User.objects.get(role="network_admin" if side.slug == "portal" else "general_manager")
    actions.retire_person(actor=Actor.of(manager), person=retired)
    _ended(side, living, manager)
    # What a restore of the wrong dump would leave behind: a row of another member's sign-in, with a person of here.
    _name, key = open_session(manager, tenant_id=side.id)
    Session.objects.filter(key_hash=hash_of(key)).update(realm="00000000-0000-4000-8000-00000000ffff")
    living["cookie_other_realm"] = key


def _second_factors(side: Side, living: Living) -> None:
    """One authenticator app, of whoever manages people; and a session of theirs after the first step of signing in."""
    import pyotp

    from kernel import clock
    from kernel.accounts import actions
    from kernel.accounts.actors import Actor
    from kernel.accounts.models import User
    from kernel.accounts.sessions import FIRST_STEP_KEY, SessionStore

    role = "network_admin" if side.slug == "portal" else "general_manager"
    person = User.objects.get(login=role)
    secret = pyotp.random_base32()
    factor, _codes = actions.add_app(
        actor=Actor.of(person),
        person=person,
        name=canary(side.slug, "accounts_factor", "name"),
        secret=secret,
        code=pyotp.TOTP(secret).at(int(clock.now().timestamp())),
    )
    living["factor"] = str(factor.pk)
    store = SessionStore()
    store[FIRST_STEP_KEY] = {
        "user": str(person.pk),
        "at": (clock.now() + timedelta(days=1)).isoformat(),  # half-way for as long as the proof runs
        "hash": person.get_session_auth_hash(),
    }
    store.save()
    living["cookie_half_way"] = str(store.session_key)


def _ended(side: Side, living: Living, manager: Any) -> None:
    """Sign-ins and tokens of somebody who may much: they would open everything, had their time not ended."""
    from kernel import clock
    from kernel.accounts import actions, sessions
    from kernel.accounts.actors import Actor
    from kernel.accounts.models import Session, Token
    from kernel.accounts.scopes import scopes_for
    from kernel.accounts.testing import open_session

    now = clock.now()
    for kind, ended in (
        ("expired", {"expires_at": now - timedelta(seconds=1)}),
        ("idle", {"last_seen": now - sessions.IDLE - timedelta(seconds=1)}),
    ):
        _name, key = open_session(manager, tenant_id=side.id)
        Session.objects.filter(key_hash=sessions.hash_of(key)).update(**ended)
        living[f"cookie_{kind}"] = key
    for kind, ended in (
        ("expired", {"expires_at": now - timedelta(seconds=1)}),
        ("revoked", {"revoked_at": now}),
    ):
        token, text = actions.create_token(
            actor=Actor.of(manager), user=manager, name="ended", scopes=scopes_for(manager.role)
        )
        Token.objects.filter(pk=token.pk).update(**ended)
        living[f"bearer_{kind}"] = text


def _day(offset: int) -> date:
    """A day so many days from today, as the calendars on the walls have it."""
    from kernel import clock

    return timezone.localdate(clock.now()) + timedelta(days=offset)


def _png(width: int, height: int, *, hidden: str) -> bytes:
    """A grey picture that carries a text, as cameras put places and names into theirs."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\x80" * width for _row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n"
    text = chunk(b"tEXt", b"Author\x00" + hidden.encode())
    return head + chunk(b"IHDR", header) + text + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

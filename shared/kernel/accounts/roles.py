"""Roles and rights, as data. The one table that says who may do what; source: interfaces.md, "Roles and rights".

A right opens a kind of page or action. Which *objects* a person sees within it is decided by `access_…` functions:
`LEADS_WORK_OWN` shows one's own leads, `LEADS_WORK_ALL` everyone's; `SERVICE_WRITE_OWN` one's own jobs; customers are
shown by the role's department.
"""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Tier(StrEnum):
    """Where a role works. SUPPORT: at a dealership, but nobody of its own: let in from outside for a time."""

    PORTAL = "portal"
    DEALERSHIP = "dealership"
    SUPPORT = "support"


class Department(StrEnum):
    """The department whose customers a dealership role meets; WHOLE sees both, NONE no customer at all."""

    SALES = "sales"
    SERVICE = "service"
    WHOLE = "whole"
    NONE = "none"


class Role(models.TextChoices):
    """Every role of both tiers."""

    NETWORK_ADMIN = "network_admin", _("Network administrator")
    LEAD_DESK = "lead_desk", _("Lead desk")
    NETWORK_MANAGER = "network_manager", _("Network manager")
    WARRANTY_ANALYST = "warranty_analyst", _("Warranty analyst")
    CRM_ANALYST = "crm_analyst", _("CRM analyst")
    FIELD_REPRESENTATIVE = "field_representative", _("Field representative")
    PRIVACY_OFFICER = "privacy_officer", _("Privacy officer")
    AUDITOR = "auditor", _("Auditor")

    GENERAL_MANAGER = "general_manager", _("General manager")
    SALES_MANAGER = "sales_manager", _("Sales manager")
    SALES_CONSULTANT = "sales_consultant", _("Sales consultant")
    RECEPTIONIST = "receptionist", _("Receptionist")
    CRM_MANAGER = "crm_manager", _("CRM manager")
    CRM_SPECIALIST = "crm_specialist", _("CRM specialist")
    SERVICE_MANAGER = "service_manager", _("Service manager")
    SERVICE_ADVISER = "service_adviser", _("Service adviser")
    TECHNICIAN = "technician", _("Technician")
    PARTS_CLERK = "parts_clerk", _("Parts clerk")
    STOCK_CLERK = "stock_clerk", _("Stock clerk")
    FINANCE_CLERK = "finance_clerk", _("Finance clerk")
    IT_ADMIN = "it_admin", _("IT administrator")

    SUPPORT_READER = "support_reader", _("Support: looks")
    SUPPORT_WORKER = "support_worker", _("Support: works")
    TECHNICAL_READER = "technical_reader", _("Technical support: looks")
    TECHNICAL_WORKER = "technical_worker", _("Technical support: works")

    @property
    def tier(self) -> Tier:
        if self in SUPPORT_ROLES:
            return Tier.SUPPORT
        return Tier.PORTAL if self in PORTAL_ROLES else Tier.DEALERSHIP

    @property
    def department(self) -> Department:
        return _DEPARTMENTS.get(self, Department.NONE)

    @property
    def rights(self) -> "frozenset[Right]":
        return RIGHTS[self]


class Right(StrEnum):
    """What may be done. Names are stable: templates, API views and tests use them."""

    LEADS_READ = "leads_read"
    LEADS_WORK_OWN = "leads_work_own"
    LEADS_WORK_ALL = "leads_work_all"
    LEADS_ROUTE = "leads_route"
    SHARING_READ = "sharing_read"
    SHARING_CHANGE = "sharing_change"
    SHARING_PROPOSE = "sharing_propose"
    CUSTOMERS_READ = "customers_read"
    CUSTOMERS_WRITE = "customers_write"
    CUSTOMERS_EXPORT = "customers_export"
    SALES_READ = "sales_read"
    SALES_WORK = "sales_work"
    SALES_APPROVE = "sales_approve"
    CONTRACTS_READ = "contracts_read"
    STOCK_READ = "stock_read"
    STOCK_WRITE = "stock_write"
    SERVICE_READ = "service_read"
    SERVICE_WRITE = "service_write"
    SERVICE_WRITE_OWN = "service_write_own"
    CLAIMS_READ = "claims_read"
    CLAIMS_WRITE = "claims_write"
    CLAIMS_DECIDE = "claims_decide"
    OWNERS_READ = "owners_read"
    EXCHANGE_READ = "exchange_read"
    EXCHANGE_REPAIR = "exchange_repair"
    PEOPLE_MANAGE = "people_manage"
    SETTINGS_MANAGE = "settings_manage"
    NETWORK_READ = "network_read"
    NETWORK_WRITE = "network_write"
    INSIGHT_READ = "insight_read"
    CATALOGUE_WRITE = "catalogue_write"
    FINANCE_READ = "finance_read"
    AUDIT_READ = "audit_read"
    EVERYTHING_EXPORT = "everything_export"
    SUPPORT_ASK = "support_ask"
    PERSONS_ERASE = "persons_erase"


PORTAL_ROLES = frozenset(
    {
        Role.NETWORK_ADMIN,
        Role.LEAD_DESK,
        Role.NETWORK_MANAGER,
        Role.WARRANTY_ANALYST,
        Role.CRM_ANALYST,
        Role.FIELD_REPRESENTATIVE,
        Role.PRIVACY_OFFICER,
        Role.AUDITOR,
    }
)
#: Of people whom a dealership lets in for a time (dealer.support). Nobody can be given one of them.
SUPPORT_ROLES = frozenset({Role.SUPPORT_READER, Role.SUPPORT_WORKER, Role.TECHNICAL_READER, Role.TECHNICAL_WORKER})
DEALERSHIP_ROLES = frozenset(Role) - PORTAL_ROLES - SUPPORT_ROLES

_DEPARTMENTS: dict[Role, Department] = {
    Role.GENERAL_MANAGER: Department.WHOLE,
    Role.CRM_MANAGER: Department.WHOLE,
    Role.CRM_SPECIALIST: Department.WHOLE,
    Role.RECEPTIONIST: Department.SALES,
    Role.SALES_MANAGER: Department.SALES,
    Role.SALES_CONSULTANT: Department.SALES,
    Role.SERVICE_MANAGER: Department.SERVICE,
    Role.SERVICE_ADVISER: Department.SERVICE,
    Role.SUPPORT_READER: Department.WHOLE,
    Role.SUPPORT_WORKER: Department.WHOLE,
}

R = Right  # a short name for the table only

_SUPPORT_READS = frozenset(
    {
        R.LEADS_READ,
        R.SHARING_READ,
        R.CUSTOMERS_READ,
        R.SALES_READ,
        R.CONTRACTS_READ,
        R.STOCK_READ,
        R.SERVICE_READ,
        R.CLAIMS_READ,
        R.EXCHANGE_READ,
        R.INSIGHT_READ,
        R.FINANCE_READ,
    }
)

RIGHTS: dict[Role, frozenset[Right]] = {
    # -- portal
    Role.NETWORK_ADMIN: frozenset(
        {
            R.PEOPLE_MANAGE,
            R.SETTINGS_MANAGE,
            R.NETWORK_READ,
            R.NETWORK_WRITE,
            R.CATALOGUE_WRITE,
            R.EXCHANGE_READ,
            R.EXCHANGE_REPAIR,
            R.AUDIT_READ,
            R.SUPPORT_ASK,
        }
    ),
    Role.LEAD_DESK: frozenset({R.LEADS_READ, R.LEADS_WORK_ALL, R.LEADS_ROUTE, R.NETWORK_READ}),
    Role.NETWORK_MANAGER: frozenset(
        {
            R.LEADS_READ,
            R.LEADS_WORK_ALL,
            R.LEADS_ROUTE,
            R.SHARING_PROPOSE,
            R.SHARING_READ,
            R.NETWORK_READ,
            R.NETWORK_WRITE,
            R.INSIGHT_READ,
            R.EXCHANGE_READ,
            R.SUPPORT_ASK,
        }
    ),
    Role.WARRANTY_ANALYST: frozenset({R.CLAIMS_READ, R.CLAIMS_DECIDE, R.SERVICE_READ, R.NETWORK_READ}),
    Role.CRM_ANALYST: frozenset({R.OWNERS_READ, R.SERVICE_READ, R.INSIGHT_READ, R.NETWORK_READ}),
    Role.FIELD_REPRESENTATIVE: frozenset({R.NETWORK_READ, R.INSIGHT_READ}),
    Role.PRIVACY_OFFICER: frozenset(
        {
            R.SHARING_PROPOSE,
            R.SHARING_READ,
            R.OWNERS_READ,
            R.EXCHANGE_READ,
            R.AUDIT_READ,
            R.NETWORK_READ,
            R.PERSONS_ERASE,
        }
    ),
    Role.AUDITOR: frozenset({R.SHARING_READ, R.EXCHANGE_READ, R.AUDIT_READ, R.NETWORK_READ}),
    # -- dealership
    Role.GENERAL_MANAGER: frozenset(
        {
            R.LEADS_READ,
            R.SHARING_READ,
            R.SHARING_CHANGE,
            R.CUSTOMERS_READ,
            R.CUSTOMERS_EXPORT,
            R.SALES_READ,
            R.CONTRACTS_READ,
            R.SALES_APPROVE,
            R.STOCK_READ,
            R.SERVICE_READ,
            R.CLAIMS_READ,
            R.EXCHANGE_READ,
            R.PEOPLE_MANAGE,
            R.SETTINGS_MANAGE,
            R.INSIGHT_READ,
            R.FINANCE_READ,
            R.AUDIT_READ,
            R.PERSONS_ERASE,
            R.EVERYTHING_EXPORT,
        }
    ),
    Role.SALES_MANAGER: frozenset(
        {
            R.LEADS_READ,
            R.LEADS_WORK_OWN,
            R.LEADS_WORK_ALL,
            R.CUSTOMERS_READ,
            R.CUSTOMERS_WRITE,
            R.SALES_READ,
            R.CONTRACTS_READ,
            R.SALES_WORK,
            R.SALES_APPROVE,
            R.STOCK_READ,
            R.STOCK_WRITE,
            R.INSIGHT_READ,
        }
    ),
    Role.SALES_CONSULTANT: frozenset(
        {
            R.LEADS_READ,
            R.LEADS_WORK_OWN,
            R.CUSTOMERS_READ,
            R.CUSTOMERS_WRITE,
            R.SALES_READ,
            R.CONTRACTS_READ,
            R.SALES_WORK,
            R.STOCK_READ,
        }
    ),
    Role.RECEPTIONIST: frozenset({R.CUSTOMERS_READ, R.CUSTOMERS_WRITE, R.STOCK_READ}),
    Role.CRM_MANAGER: frozenset(
        {
            R.LEADS_READ,
            R.SHARING_READ,
            R.CUSTOMERS_READ,
            R.CUSTOMERS_WRITE,
            R.CUSTOMERS_EXPORT,
            R.SALES_READ,
            R.CONTRACTS_READ,
            R.SERVICE_READ,
            R.PERSONS_ERASE,
            R.EXCHANGE_READ,
            R.EXCHANGE_REPAIR,
            R.INSIGHT_READ,
        }
    ),
    Role.CRM_SPECIALIST: frozenset({R.CUSTOMERS_READ, R.CUSTOMERS_WRITE}),
    Role.SERVICE_MANAGER: frozenset(
        {
            R.CUSTOMERS_READ,
            R.CUSTOMERS_WRITE,
            R.SERVICE_READ,
            R.SERVICE_WRITE,
            R.CLAIMS_READ,
            R.CLAIMS_WRITE,
            R.STOCK_READ,
            R.INSIGHT_READ,
        }
    ),
    Role.SERVICE_ADVISER: frozenset(
        {
            R.CUSTOMERS_READ,
            R.CUSTOMERS_WRITE,
            R.SERVICE_READ,
            R.SERVICE_WRITE,
            R.CLAIMS_READ,
            R.CLAIMS_WRITE,
        }
    ),
    Role.TECHNICIAN: frozenset({R.SERVICE_READ, R.SERVICE_WRITE_OWN}),
    Role.PARTS_CLERK: frozenset({R.STOCK_READ, R.STOCK_WRITE, R.SERVICE_READ}),
    Role.STOCK_CLERK: frozenset({R.STOCK_READ, R.STOCK_WRITE}),
    # Contracts with their payments, and deliveries: what invoices are written by. Neither prospects nor customers.
    Role.FINANCE_CLERK: frozenset({R.FINANCE_READ, R.CONTRACTS_READ}),
    # People and settings, no customer data: so neither the audit trail (it shows values) nor the ledger.
    Role.IT_ADMIN: frozenset({R.PEOPLE_MANAGE, R.SETTINGS_MANAGE, R.EXCHANGE_READ, R.EXCHANGE_REPAIR}),
    # -- let in from outside, for a time. None of them: people, sharing, approvals, exports, the audit trail, and
    # LEADS_WORK_OWN, by which leads are given out.
    Role.SUPPORT_READER: _SUPPORT_READS,
    Role.SUPPORT_WORKER: _SUPPORT_READS
    | {
        R.LEADS_WORK_ALL,
        R.CUSTOMERS_WRITE,
        R.SALES_WORK,
        R.STOCK_WRITE,
        R.SERVICE_WRITE,
        R.CLAIMS_WRITE,
        R.EXCHANGE_REPAIR,
        R.SETTINGS_MANAGE,
    },
    # Nothing that names a customer, as with the IT administrator.
    Role.TECHNICAL_READER: frozenset({R.STOCK_READ, R.EXCHANGE_READ}),
    Role.TECHNICAL_WORKER: frozenset(
        {R.STOCK_READ, R.STOCK_WRITE, R.EXCHANGE_READ, R.EXCHANGE_REPAIR, R.SETTINGS_MANAGE}
    ),
}

del R

if set(RIGHTS) != set(Role):
    raise AssertionError("every role needs its row of rights")


def roles_of(tier: Tier) -> list[Role]:
    """The roles of one tier that people can have, in the order they are declared (that of lists and forms)."""
    return [role for role in Role if role.tier == tier]

"""Token scopes: `<noun>:read` and `<noun>:write` of the API's nouns, and the rights each needs.

A token holds scopes; a request passes only if the token has the scope *and* its person's role has, at that moment, the
right the endpoint asks for. So a token never exceeds its person, also after a change of role.
"""

from collections.abc import Iterable

from kernel.accounts.roles import RIGHTS, SUPPORT_ROLES, Right, Role

SCOPES: dict[str, frozenset[Right]] = {
    # portal
    "intake:write": frozenset({Right.LEADS_ROUTE}),
    "dealerships:read": frozenset({Right.NETWORK_READ}),
    "owners:read": frozenset({Right.OWNERS_READ}),
    "service-visits:read": frozenset({Right.SERVICE_READ}),
    "agreements:read": frozenset({Right.SHARING_READ}),
    "agreements:write": frozenset({Right.SHARING_PROPOSE}),
    "exchange:read": frozenset({Right.EXCHANGE_READ}),
    "exchange:write": frozenset({Right.EXCHANGE_REPAIR}),
    # both
    "catalogue:read": frozenset(
        {
            Right.NETWORK_READ,
            Right.STOCK_READ,
            Right.SALES_READ,
            Right.CONTRACTS_READ,
            Right.SERVICE_READ,
            Right.CUSTOMERS_READ,
        }
    ),
    "leads:read": frozenset({Right.LEADS_READ}),
    "leads:write": frozenset({Right.LEADS_ROUTE, Right.LEADS_WORK_OWN, Right.LEADS_WORK_ALL}),
    "vehicles:read": frozenset({Right.OWNERS_READ, Right.STOCK_READ}),
    "vehicles:write": frozenset({Right.STOCK_WRITE}),
    "warranty-claims:read": frozenset({Right.CLAIMS_READ}),
    "warranty-claims:write": frozenset({Right.CLAIMS_WRITE, Right.CLAIMS_DECIDE}),
    # dealership
    "customers:read": frozenset({Right.CUSTOMERS_READ}),
    "customers:write": frozenset({Right.CUSTOMERS_WRITE}),
    "prospects:read": frozenset({Right.SALES_READ}),
    "prospects:write": frozenset({Right.SALES_WORK}),
    "follow-ups:read": frozenset({Right.SALES_READ}),
    "follow-ups:write": frozenset({Right.SALES_WORK}),
    "test-drives:read": frozenset({Right.SALES_READ}),
    "test-drives:write": frozenset({Right.SALES_WORK}),
    "quotations:read": frozenset({Right.SALES_READ}),
    "quotations:write": frozenset({Right.SALES_WORK}),
    "sales-contracts:read": frozenset({Right.CONTRACTS_READ}),
    "sales-contracts:write": frozenset({Right.SALES_WORK, Right.SALES_APPROVE}),
    "deliveries:read": frozenset({Right.CONTRACTS_READ}),
    "deliveries:write": frozenset({Right.SALES_WORK}),
    "appointments:read": frozenset({Right.SERVICE_READ}),
    "appointments:write": frozenset({Right.SERVICE_WRITE}),
    "repair-orders:read": frozenset({Right.SERVICE_READ}),
    "repair-orders:write": frozenset({Right.SERVICE_WRITE, Right.SERVICE_WRITE_OWN}),
    "sharing:read": frozenset({Right.SHARING_READ}),
    "sharing:write": frozenset({Right.SHARING_CHANGE}),
}

_PORTAL_ONLY = frozenset({"intake:write", "dealerships:read", "owners:read", "service-visits:read"})


def scopes_for(role: Role | str) -> list[str]:
    """All scopes that a role may give to a token, sorted. A guest's gives none: a token could outlive the visit."""
    role = Role(role)
    if role in SUPPORT_ROLES:
        return []
    return sorted(
        scope
        for scope, rights in SCOPES.items()
        if rights & RIGHTS[role] and (role.tier == "portal" or scope not in _PORTAL_ONLY)
    )


def beyond(role: Role | str, scopes: Iterable[str]) -> list[str]:
    """Those of `scopes` that the role may not give (unknown ones among them), sorted."""
    return sorted(set(scopes) - set(scopes_for(role)))

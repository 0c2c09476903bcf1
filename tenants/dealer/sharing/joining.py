"""What a dealership signs when it joins: the agreement of today, with its own ceilings."""

from __future__ import annotations

from typing import Any

from dealer.sharing import actions
from kernel.accounts.actors import SYSTEM, Actor
from kernel.contracts.agreements import default_agreement
from kernel.tenancy.steward import joining_step


@joining_step("30-sharing")
def sharing(arguments: dict[str, Any]) -> None:
    """Reads `sharing`: {contract: level} for what is left to the dealership, and `signed_by`: the signer's name (none:
    it was agreed on joining, and nobody is named).

    A contract it does not name begins with the agreement's own joining ceiling. Signs once; later runs change nothing.
    """
    text = default_agreement()
    signer = Actor(kind="system", name=arguments["signed_by"]) if arguments.get("signed_by") else SYSTEM
    agreement = actions.receive_agreement(actor=signer, text=text)
    if agreement.signed_at is not None:
        return
    ceilings = {term.contract: str(term.joining_ceiling) for term in text.terms}
    # Nothing is sent while a dealership is set up: the scheduled task tells the manufacturer what was agreed.
    actions.sign_agreement(
        actor=signer, agreement=agreement, ceilings=ceilings | (arguments.get("sharing") or {}), tell=False
    )

"""Pages of sharing, one module a page: switchboard, agreements, ledger, readings."""

from dealer.sharing.views.agreements import agreement, agreements
from dealer.sharing.views.ledger import ledger, message
from dealer.sharing.views.readings import readings
from dealer.sharing.views.switchboard import change_level, flow, preview, switchboard

__all__ = [
    "agreement",
    "agreements",
    "change_level",
    "flow",
    "ledger",
    "message",
    "preview",
    "readings",
    "switchboard",
]

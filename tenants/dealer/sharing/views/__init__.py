"""Pages of sharing, one module a page: switchboard, agreements, ledger, readings, backfills, taking back and so on."""

from dealer.sharing.views.agreements import agreement, agreements, end_agreement, keep_agreement, term_preview
from dealer.sharing.views.backfills import progress as backfill_progress
from dealer.sharing.views.backfills import start as start_backfill
from dealer.sharing.views.backfills import stop as stop_backfill
from dealer.sharing.views.comparison import comparison
from dealer.sharing.views.erasing import decline, erase, erasure, erasures
from dealer.sharing.views.ledger import ledger, message, signed_head
from dealer.sharing.views.readings import readings
from dealer.sharing.views.statutory import statutory_list
from dealer.sharing.views.switchboard import change_level, flow, preview, switchboard
from dealer.sharing.views.takingback import choose, decide, withdrawals

__all__ = [
    "agreement",
    "agreements",
    "backfill_progress",
    "change_level",
    "choose",
    "comparison",
    "decide",
    "decline",
    "end_agreement",
    "erase",
    "erasure",
    "erasures",
    "flow",
    "keep_agreement",
    "ledger",
    "message",
    "preview",
    "readings",
    "signed_head",
    "start_backfill",
    "statutory_list",
    "stop_backfill",
    "switchboard",
    "term_preview",
    "withdrawals",
]

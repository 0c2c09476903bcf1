"""Registers what the steward does with both tiers in hand. Imported by `dealernet.apps`."""

from dealernet.moving.importing import import_dealership
from dealernet.moving.leaving import drop, retire
from dealernet.moving.restoring import restore
from kernel.tenancy.steward import VERBS

VERBS.update({"retire": retire, "drop": drop, "import": import_dealership, "restore": restore})

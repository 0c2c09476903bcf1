"""Upgrades of all schemas."""

from __future__ import annotations

import logging
from typing import Any

from kernel.tenancy import rendering
from kernel.tenancy.bindings import Owner, bound
from kernel.tenancy.models import SchemaState
from kernel.tenancy.steward.progress import Progress
from kernel.tenancy.steward.schemas import replay

log = logging.getLogger(__name__)


def upgrade(arguments: dict[str, Any], progress: Progress = lambda step: None) -> dict[str, int]:
    """Bring every schema to this release. One query when nothing is to do."""
    wanted = {kind: rendering.render(kind).checksum for kind in rendering.KINDS}
    done = failed = 0
    with bound(Owner()):
        behind = [s for s in SchemaState.objects.all() if s.checksum != wanted[s.kind]]
    for state in behind:
        try:
            with bound(Owner(state.schema_name)):
                replay(state.kind, state.schema_name)
            done += 1
            progress(f"{done + failed}/{len(behind)}")
        except Exception as error:  # one schema that fails is fenced off with its reason; the rest go on
            failed += 1
            log.exception("upgrade of %s failed", state.schema_name)
            with bound(Owner()):
                SchemaState.objects.filter(pk=state.pk).update(error=str(error)[:2000])
    return {"schemas": len(behind), "upgraded": done, "failed": failed}

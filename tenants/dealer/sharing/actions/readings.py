"""Keeping who looked."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from dealer.sharing.models import (
    Reading,
)
from kernel.contracts import (
    Purpose,
    ReadingReport,
)


@transaction.atomic
def keep_readings(report: ReadingReport, *, purpose: Purpose, message: UUID) -> None:
    """Keep what the manufacturer reports of its own reading; a time that is known already changes nothing."""
    Reading.objects.bulk_create(
        (
            Reading(
                id=one["reading_id"],
                at=one["at"],
                reader=one["reader"],
                reader_role=one["reader_role"],
                reading_for=one["reading_for"],
                how=one["how"],
                of=one["of"],
                purpose=purpose,
                rows=one["rows"],
                searched_by=one["searched_by"],
                vin=one["vin"] or "",
                owner_keys=one["owner_keys"],
                message=message,
            )
            for one in report.times
        ),
        ignore_conflicts=True,
    )

"""How soon a prospect will buy: 客户温度 (R-LEAD-05 to R-LEAD-09).

Derived, never stored as a fact of its own: as time passes a cold lead becomes warm and then hot.
"""

from calendar import monthrange
from datetime import date

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

DEFAULT_THRESHOLDS = (3, 12)


class Temperature(TextChoices):
    HOT = "hot", _("Hot")
    WARM = "warm", _("Warm")
    COLD = "cold", _("Cold")
    UNCLASSIFIED = "unclassified", _("Unclassified")


def temperature(
    likes_brand: bool | None,
    intended_on: date | None,
    today: date,
    thresholds: tuple[int, int] = DEFAULT_THRESHOLDS,
) -> Temperature:
    """Temperature on `today` of a prospect who means to buy on `intended_on`.

    `thresholds` are calendar months, the last day counted in: with (3, 12) and today 31 January, hot lasts to
    30 April, warm to 31 January next year. A date that has passed is hot: the purchase is due. Who does not
    like the brand, or whose liking or date is unknown, is unclassified: all temperatures ask for both.
    """
    if not likes_brand or intended_on is None:
        return Temperature.UNCLASSIFIED
    hot_months, warm_months = thresholds
    if intended_on <= add_months(today, hot_months):
        return Temperature.HOT
    if intended_on <= add_months(today, warm_months):
        return Temperature.WARM
    return Temperature.COLD


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or that month's last day where it has no such day."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(day.day, monthrange(year, month0 + 1)[1]))

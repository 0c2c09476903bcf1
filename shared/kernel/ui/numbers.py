"""Numbers as the three languages of the product write them: 12,500.5.

Django's own zh formats group by four digits without a separator; price lists and reports in China group by three.
"""

from decimal import ROUND_HALF_UP, Decimal


def grouped(value: int | float | Decimal, places: int | None = None) -> str:
    """``value`` with thousands separated; ``places`` digits after the point (default: as many as it has)."""
    exact = Decimal(str(value))
    if places is not None:
        exact = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{exact:,f}"

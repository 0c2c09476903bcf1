"""Reads of the stock. Who may read it sees every car."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from dealer.stock.models import StockVehicle, VehicleState
from kernel.accounts.access import find
from kernel.accounts.models import User
from kernel.accounts.roles import Right
from kernel.errors import Missing


def visible_vehicles(user: User) -> QuerySet[StockVehicle]:
    """The cars that a person may see: all of them, with the right to read the stock."""
    return StockVehicle.objects.all() if user.has(Right.STOCK_READ) else StockVehicle.objects.none()


def access_vehicle_for_reading(id: str | UUID, user: User) -> StockVehicle:
    """One car for its page. Raises Missing."""
    return find(visible_vehicles(user), id)


def access_vehicle_for_writing(id: str | UUID, user: User) -> StockVehicle:
    """One car to move. Raises Missing."""
    if not user.has(Right.STOCK_WRITE):
        raise Missing()
    return find(visible_vehicles(user), id)


def vehicle_by_vin(vin: str) -> StockVehicle | None:
    """The car with this VIN that has not been delivered yet."""
    return StockVehicle.objects.filter(vin=vin).exclude(state=VehicleState.DELIVERED).first()

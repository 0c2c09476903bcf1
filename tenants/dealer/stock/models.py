"""Cars the dealership has to sell, and every movement of theirs."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kernel.ids import new_id
from kernel.money import DEFAULT_CURRENCY
from kernel.reference.queries import car_name, colour_name
from kernel.tenancy.grants import Grants


class VehicleState(models.TextChoices):
    """Where a car for sale stands."""

    IN_TRANSIT = "in_transit", _("On its way")
    IN_STOCK = "in_stock", _("In stock")
    RESERVED = "reserved", _("Reserved")
    SOLD = "sold", _("Sold")
    DELIVERED = "delivered", _("Delivered")


#: Which state may follow which. A reservation and a sale may be undone until the car is handed over.
TRANSITIONS: dict[str, frozenset[str]] = {
    VehicleState.IN_TRANSIT: frozenset({VehicleState.IN_STOCK}),
    VehicleState.IN_STOCK: frozenset({VehicleState.RESERVED, VehicleState.SOLD}),
    VehicleState.RESERVED: frozenset({VehicleState.IN_STOCK, VehicleState.SOLD}),
    VehicleState.SOLD: frozenset({VehicleState.IN_STOCK, VehicleState.DELIVERED}),
    VehicleState.DELIVERED: frozenset(),
}


class StockVehicle(models.Model):
    """One car for sale, by its VIN. Tier: dealership.

    `brand` … `variant` are codes of the published catalogue. `list_price` is the price on the windscreen with tax, in
    `currency`. `arrived_on` is empty while the car is on its way. `held_for` is the id of the prospect for whom the car
    is reserved or sold.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    vin = models.CharField(_("VIN"), max_length=17, unique=True)
    brand = models.CharField(_("Brand"), max_length=40)
    series = models.CharField(_("Series"), max_length=40, blank=True)
    model = models.CharField(_("Model"), max_length=60, blank=True)
    variant = models.CharField(_("Variant"), max_length=60, blank=True)
    colour = models.CharField(_("Colour"), max_length=40, blank=True)
    list_price = models.DecimalField(_("List price"), max_digits=14, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, default=DEFAULT_CURRENCY)
    location = models.CharField(_("Location"), max_length=80, blank=True)
    state = models.CharField(_("State"), max_length=12, choices=VehicleState.choices, default=VehicleState.IN_TRANSIT)
    arrived_on = models.DateField(_("Arrived on"), null=True, blank=True)
    held_for = models.UUIDField(null=True)
    held_until = models.DateField(_("Reserved until"), null=True, blank=True)
    delivered_on = models.DateField(_("Delivered on"), null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ("-updated_at", "id")
        indexes = [
            models.Index(fields=["-updated_at", "id"], name="stock_vehicle_newest"),
            models.Index(fields=["state", "arrived_on"], name="stock_vehicle_state"),
            models.Index(fields=["brand", "series", "model"], name="stock_vehicle_model"),
            models.Index(fields=["held_for"], name="stock_vehicle_held_for"),
        ]

    def __str__(self) -> str:
        return self.vin

    @property
    def car(self) -> str:
        """The car as a person says it."""
        return car_name(brand=self.brand, series=self.series, model=self.model, variant=self.variant)

    @property
    def colour_name(self) -> str:
        return colour_name(self.variant, self.colour)


class MovementKind(models.TextChoices):
    """What happened to a car for sale."""

    ANNOUNCED = "announced", _("Announced")
    RECEIVED = "received", pgettext_lazy("car", "Received")
    MOVED = "moved", _("Moved")
    RESERVED = "reserved", _("Reserved")
    RELEASED = "released", _("Reservation released")
    SOLD = "sold", _("Sold")
    SALE_UNDONE = "sale_undone", _("Sale undone")
    DELIVERED = "delivered", _("Delivered")


class Movement(models.Model):
    """One step of a car through the stock (R-INV-03). Rows are added and read, never changed. Tier: dealership."""

    grants: ClassVar[Grants] = Grants(own="ra", own_update=("note",))

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    vehicle = models.ForeignKey(StockVehicle, models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=12, choices=MovementKind.choices)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    by_name = models.CharField(max_length=120, blank=True)
    price = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, default=DEFAULT_CURRENCY)
    location = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-at", "-recorded_at", "id")
        indexes = [models.Index(fields=["vehicle", "-at"], name="stock_movement_vehicle")]

    def __str__(self) -> str:
        return f"{self.kind} {self.vehicle_id}"

"""What goes up, made from the dealership's own rows."""

from dealer.customers.models import Customer
from dealer.sales.models import Delivery
from kernel.contracts import BuyerKind, VehicleSale


def sale_record(delivery: Delivery, customer: Customer) -> VehicleSale:
    """The contract record of a delivery."""
    vehicle, contract = delivery.vehicle, delivery.contract
    return VehicleSale(
        sale_id=delivery.id,
        vin=vehicle.vin,
        brand=vehicle.brand,
        series=vehicle.series or None,
        model=vehicle.model or None,
        variant=vehicle.variant or None,
        contract_signed_on=contract.signed_on,
        delivered_on=delivery.delivered_on,
        invoice_total=contract.total,
        currency=contract.currency,
        channel=delivery.prospect.channel or None,
        lead_id=delivery.prospect.lead_id,
        buyer_kind=BuyerKind(customer.kind),
        province=customer.province or None,
    )

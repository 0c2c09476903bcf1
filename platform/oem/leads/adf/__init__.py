"""Reading ADF 1.0, the format in which websites and portals send leads.

`parse` takes the bytes of a request through three stages: `decode` (bytes to text), `tree` (text to
elements, strictly and then leniently) and `mapper` (elements to leads). See `parse` for the contract.
"""

from oem.leads.adf.model import (
    Address,
    Colour,
    Contact,
    Customer,
    Email,
    ExternalId,
    Finance,
    Issue,
    Option,
    ParsedDocument,
    ParsedLead,
    Phone,
    Price,
    Provider,
    TooLarge,
    Vehicle,
    Vendor,
)
from oem.leads.adf.parser import MAX_BYTES, document_hash, fingerprint, parse

__all__ = [
    "MAX_BYTES",
    "Address",
    "Colour",
    "Contact",
    "Customer",
    "Email",
    "ExternalId",
    "Finance",
    "Issue",
    "Option",
    "ParsedDocument",
    "ParsedLead",
    "Phone",
    "Price",
    "Provider",
    "TooLarge",
    "Vehicle",
    "Vendor",
    "document_hash",
    "fingerprint",
    "parse",
]

"""The entry: bytes in, leads and issues out."""

import hashlib
import json
import re
import unicodedata
from datetime import tzinfo

from oem.leads.adf.decode import decode
from oem.leads.adf.mapper import Context, map_document
from oem.leads.adf.model import ParsedDocument, ParsedLead, TooLarge
from oem.leads.adf.tree import read_tree

MAX_BYTES = 256 * 1024


def parse(
    data: bytes,
    *,
    content_type: str | None,
    default_timezone: tzinfo,
    default_region: str = "CN",
) -> ParsedDocument:
    """Read an ADF 1.0 document (shared/standards.md section 1), leniently.

    `content_type` is the header of the request, for its charset and kind. Times without offset are in
    `default_timezone`; phone numbers without country code are of `default_region` (ISO 3166-1 alpha-2), unless
    the address names another country. Raises TooLarge over 256 KB and nothing else, whatever the bytes are; a
    document that cannot be read comes back with `readable` False and its issues.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(len(data), MAX_BYTES)
    context = Context(default_timezone, default_region)
    if not data.strip(b" \t\r\n\x00"):
        context.issue("empty")
        return ParsedDocument(issues=context.issues)
    decoded = decode(data, content_type)
    tree = read_tree(decoded.text)
    for note in (*decoded.notes, *tree.notes):
        context.issue(note)
    leads = map_document(tree.roots, context) if tree.roots else []
    return ParsedDocument(leads, context.issues, bool(leads))


def document_hash(data: bytes) -> str:
    """SHA-256 of the bytes as they came, in hex: the same document sent again has the same."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(lead: ParsedLead) -> str | None:
    """SHA-256 in hex that two leads share when the same person asks the same dealership for the same car.

    Over the name, the first e-mail address, the first phone number, the vendor and the wanted car, each
    normalised. None without phone and e-mail: a name alone is no identity.
    """
    customer = lead.customer
    email = next((e.address for e in sorted(customer.emails, key=lambda e: not e.preferred) if e.valid), "")
    phone = next((p for p in sorted(customer.phones, key=lambda p: not p.preferred) if p.type != "fax"), None)
    number = (phone.e164 or re.sub(r"\D", "", phone.number)) if phone else ""
    if not email and not number:
        return None
    vendor = lead.vendor.name or next((i.id for i in lead.vendor.ids), "")
    car = lead.wanted
    wanted = [] if car is None else [car.vin] if car.vin else [str(car.year or ""), car.make, car.model]
    parts = [_normal(part) for part in (customer.full_name, email, number, vendor)] + [_normal(p) for p in wanted]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _normal(text: str) -> str:
    return re.sub(r"[\s.,·\-]", "", unicodedata.normalize("NFKC", text).casefold())

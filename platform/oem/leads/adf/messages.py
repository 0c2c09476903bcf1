"""The sentence for each issue code. Codes are stable: API clients and stored documents refer to them."""

from django.utils.translation import gettext_lazy as _

UNKNOWN = _("The document has an unexpected part.")
MESSAGES = {
    # the document
    "empty": _("The document is empty."),
    "no_adf": _("The text holds no ADF document. Read the original and enter the lead by hand."),
    "no_prospect": _("The document has no prospect that could be read. Read the original."),
    "prospect_missing": _("The prospect element is missing; its parts stand directly in the document."),
    "empty_prospect": _("One prospect has nothing that could be read."),
    "not_well_formed": _("The XML is not well-formed and was read leniently. Compare with the original."),
    "truncated": _("The document breaks off. Ask the sender for the rest."),
    "doctype": _("The document declares a DOCTYPE or entities, which are never used. Compare with the original."),
    "entity_removed": _("A reference to a declared entity was removed."),
    "too_deep": _("The elements are nested too deeply; the innermost were left out."),
    "too_many_elements": _("The document has too many elements; the last were left out."),
    "encoding_guessed": _("The declared character encoding was wrong; another one was recognised."),
    "encoding_replaced": _("Some characters could not be read. Compare with the original."),
    "control_characters": _("Characters that cannot be shown were removed."),
    "mail": _("The document came inside an e-mail."),
    "mail_too_complex": _("The e-mail has too many parts; its text was searched as a whole."),
    "escaped": _("The document came with escaped markup and was restored."),
    "text_around": _("There is text before or after the document. Read it in the original."),
    "value_cut": _("A value was too long and was cut. The original has it all."),
    # values
    "bad_enum": _("This value is not in the list of the standard; the usual one was taken."),
    "bad_date": _("This date could not be read."),
    "date_order_assumed": _("Day and month were told apart by the American order."),
    "no_offset": _("The time has no zone; the local one was taken."),
    "no_request_date": _("The date of the request is missing."),
    "bad_number": _("This is not a number."),
    "bad_year": _("This is not a model year."),
    "bad_amount": _("This amount could not be read."),
    "bad_currency": _("This is not a currency code."),
    "vin_invalid": _("The vehicle identification number (VIN) is wrong. Ask the customer."),
    "vin_suspicious": _("The vehicle identification number (VIN) may be wrong."),
    "bad_email": _("This is not an e-mail address."),
    "bad_phone": _("This telephone number could not be understood."),
    "bad_country": _("This is not a country."),
    "country_is_postcode": _("The country held the postcode."),
    "filled_from_comment": _("A missing value was taken from the comments."),
    "kind_inferred": _("The name looks like a company's; the customer was taken for a business."),
    "not_standard": _("The sender uses a name of its own for this element."),
    "unknown_element": _("The standard does not know this element; it was kept."),
    # the lead
    "no_name": _("The name of the customer is missing."),
    "no_contact_point": _("There is neither a telephone number nor an e-mail address."),
    "no_vehicle": _("No vehicle is named."),
    "no_vendor": _("No dealership is named."),
}

"""Where a lead or a prospect comes from (R-LEAD-22): the codes that both tiers use and that contracts carry."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Channel(TextChoices):
    """Senders of leads may name others, which stand as they came."""

    SHOWROOM_VISIT = "showroom_visit", _("Showroom visit")
    OWN_DEVELOPMENT = "own_development", _("Own development")
    TELEPHONE_MARKETING = "telephone_marketing", _("Telephone marketing")
    REFERRAL = "referral", _("Referral")
    KEY_ACCOUNT = "key_account", _("Key account")
    SECOND_TIER_DEALER = "second_tier_dealer", _("Second-tier dealer")
    MARKET_EVENT = "market_event", _("Market event")
    PUBLICITY = "publicity", _("Publicity")
    BRAND_COOPERATION = "brand_cooperation", _("Brand cooperation")
    PURCHASED_DATA = "purchased_data", _("Purchased data")
    WEBSITE = "website", _("Website")
    OTHER = "other", _("Other channel")


def channel_name(code: str) -> str:
    """A channel in words; a code of a sender's own stands as it came."""
    return str(Channel(code).label) if code in Channel.values else code

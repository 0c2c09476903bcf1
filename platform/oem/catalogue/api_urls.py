"""The master of the catalogue, on the portal under /api/v1/: drafts among it; `publication` says what dealers see."""

from django.urls import path

from kernel.reference.api import PublicationView, entry_urls
from oem.catalogue.nouns import NOUNS

urlpatterns = [
    path("catalogue/publication", PublicationView.as_view()),
    *entry_urls({noun.key: noun.master for noun in NOUNS}),
]

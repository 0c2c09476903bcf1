"""The published catalogue, mounted at the dealerships under /api/v1/."""

from django.urls import path

from kernel.reference.api import PUBLISHED, PublicationView, entry_urls

urlpatterns = [path("catalogue/publication", PublicationView.as_view()), *entry_urls(PUBLISHED)]

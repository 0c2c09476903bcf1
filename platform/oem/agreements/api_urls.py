"""Mounted on the portal under /api/v1/."""

from django.urls import path

from oem.agreements.api import Agreements

urlpatterns = [path("agreements", Agreements.as_view())]

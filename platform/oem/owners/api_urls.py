"""Mounted on the portal under /api/v1/."""

from django.urls import path

from oem.owners.api import OwnerRows, VehicleDetail

urlpatterns = [path("owners", OwnerRows.as_view()), path("vehicles/<str:vin>", VehicleDetail.as_view())]

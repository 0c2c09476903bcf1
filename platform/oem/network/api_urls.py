"""Mounted on the portal under /api/v1/."""

from django.urls import path

from oem.network.api import DealershipDetail, DealershipList, FleetView

urlpatterns = [
    path("dealerships", DealershipList.as_view()),
    path("fleet", FleetView.as_view()),
    path("dealerships/<str:slug>", DealershipDetail.as_view()),
]

"""Warranty in the API."""

from django.urls import path

from dealer.warranty import api

urlpatterns = [
    path("warranty-claims", api.ClaimList.as_view(), name="api_claims"),
    path("warranty-claims/<str:id>", api.ClaimDetail.as_view(), name="api_claim"),
    path("warranty-claims/<str:id>/submit", api.ClaimSubmit.as_view(), name="api_claim_submit"),
]

"""After-sales in the API of the portal."""

from django.urls import path

from oem.aftersales import api

urlpatterns = [
    path("service-visits", api.VisitList.as_view(), name="api_service_visits"),
    path("service-visits/<str:id>", api.VisitDetail.as_view(), name="api_service_visit"),
    path("warranty-claims", api.ClaimList.as_view(), name="api_claims"),
    path("warranty-claims/<str:id>", api.ClaimDetail.as_view(), name="api_claim"),
    path("warranty-claims/<str:id>/decide", api.ClaimDecide.as_view(), name="api_claim_decide"),
]

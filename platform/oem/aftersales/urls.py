"""Pages of after-sales, on the portal."""

from django.urls import path

from oem.aftersales import views

app_name = "aftersales"
urlpatterns = [
    path("claims/", views.worklist, name="worklist"),
    path("claims/all/", views.claims, name="claims"),
    path("claims/<uuid:id>/", views.claim, name="claim"),
    path("claims/<uuid:id>/decide/", views.decide, name="decide"),
    path("service-visits/", views.visits, name="visits"),
    path("service-visits/<uuid:id>/", views.visit, name="visit"),
]

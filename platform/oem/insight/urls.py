"""Pages of insight, on the portal."""

from django.urls import path

from oem.insight import medians, reports, views

app_name = "insight"
urlpatterns = [
    path("", views.home, name="home"),
    path("insight/", reports.overview, name="overview"),
    path("insight/leads/", reports.leads, name="leads"),
    path("insight/owners/", reports.owners, name="owners"),
    path("insight/service/", reports.service, name="service"),
    path("insight/claims/", reports.claims, name="claims"),
    path("insight/benchmarks/", medians.medians, name="benchmarks"),
    path("insight/benchmarks/floor/", medians.set_floor, name="set_floor"),
    path("insight/dealerships/<str:slug>/", reports.dealership, name="dealership"),
]

"""Pages of the network, on the portal."""

from django.urls import path

from kernel.accounts.access import requires
from kernel.accounts.roles import Right
from oem.network import views

app_name = "network"
urlpatterns = [
    path("network/", requires(Right.NETWORK_READ)(views.DealershipList.as_view()), name="list"),
    path("fleet/", views.fleet, name="fleet"),
    path("fleet/upgrade/", views.upgrade_fleet, name="upgrade_fleet"),
    path("network/new/", views.new, name="new"),
    path("network/<str:slug>/", views.dealership, name="dealership"),
    path("network/<str:slug>/joining/", views.joining, name="joining"),
    path("network/<str:slug>/try-again/", views.try_again, name="try_again"),
    path("network/<str:slug>/edit/", views.edit, name="edit"),
    path("network/<str:slug>/retire/", views.retire, name="retire"),
    path("network/<str:slug>/keep/", views.keep, name="keep"),
    path("network/<str:slug>/sites/new/", views.new_site, name="new_site"),
    path("network/<str:slug>/sites/<uuid:id>/", views.site, name="site"),
    path("network/<str:slug>/capabilities/new/", views.new_capability, name="new_capability"),
    path("network/<str:slug>/capabilities/<uuid:id>/", views.capability, name="capability"),
    path("network/<str:slug>/regions/new/", views.new_territory, name="new_territory"),
    path("network/<str:slug>/regions/<uuid:id>/withdraw/", views.withdraw_territory, name="withdraw_territory"),
]

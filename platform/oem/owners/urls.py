"""Pages of owners and cars, on the portal."""

from django.urls import path

from kernel.accounts.access import requires
from kernel.accounts.roles import Right
from oem.owners import explaining, views

app_name = "owners"
urlpatterns = [
    path("owners/", requires(Right.OWNERS_READ)(views.OwnerList.as_view()), name="list"),
    path("owners/<uuid:owner_id>/", views.owner, name="owner"),
    path("explain/<str:kind>/<str:id>/", explaining.explain, name="explain"),
    path("vehicles/<str:vin>/", views.vehicle, name="vehicle"),
]

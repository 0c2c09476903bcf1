"""Pages of the catalogue, on the portal."""

from django.urls import path

from kernel.accounts.access import requires
from kernel.accounts.roles import Right
from oem.catalogue import views

app_name = "catalogue"
urlpatterns = [
    path("catalogue/", views.overview, name="overview"),
    path("catalogue/publish/", views.publish, name="publish"),
    path("catalogue/<slug:noun>/", requires(Right.NETWORK_READ)(views.EntryList.as_view()), name="list"),
    path("catalogue/<slug:noun>/new/", views.new, name="new"),
    path("catalogue/<slug:noun>/import/", views.import_file, name="import"),
    path("catalogue/<slug:noun>/export.csv", views.export_file, name="export"),
    path("catalogue/<slug:noun>/entries/<str:code>/", views.entry, name="entry"),
]

"""Pages of the sharing agreements, on the portal."""

from django.urls import path

from oem.agreements import views

app_name = "agreements"
urlpatterns = [
    path("agreements/", views.overview, name="overview"),
    path("agreements/<str:version>/", views.agreement, name="agreement"),
]

"""Pages of the sharing agreements, on the portal."""

from django.urls import path

from oem.agreements import views

app_name = "agreements"
urlpatterns = [
    path("agreements/", views.overview, name="overview"),
    path("agreements/new/", views.new, name="new"),
    path("agreements/drafts/<str:id>/", views.edit, name="edit"),
    path("agreements/drafts/<str:id>/propose/", views.propose, name="propose"),
    path("agreements/drafts/<str:id>/withdraw/", views.withdraw, name="withdraw"),
    path("agreements/dealerships/<slug:slug>/end/", views.end, name="end"),
    path("agreements/<str:version>/", views.agreement, name="agreement"),
]

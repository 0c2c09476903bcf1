"""Pages of what was taken back and who was erased, on the portal."""

from django.urls import path

from oem.privacy import views

app_name = "privacy"
urlpatterns = [
    path("privacy/", views.overview, name="overview"),
    path("privacy/leads/<uuid:id>/erase/", views.erase, name="erase"),
    path("privacy/<uuid:id>/", views.request_page, name="request"),
]

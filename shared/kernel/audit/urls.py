"""Pages of the audit trail, on every host."""

from django.urls import path

from kernel.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.entries, name="entries"),
    path("audit/<str:id>/", views.entry, name="entry"),
]

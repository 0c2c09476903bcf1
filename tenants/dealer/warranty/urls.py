"""Pages of warranty."""

from django.urls import path

from dealer.warranty import views

app_name = "warranty"
urlpatterns = [
    path("claims/", views.listing, name="claims"),
    path("claims/<uuid:id>/", views.claim, name="claim"),
    path("claims/<uuid:id>/edit/", views.edit, name="edit"),
    path("claims/<uuid:id>/submit/", views.submit, name="submit"),
    path("claims/<uuid:id>/cancel/", views.cancel, name="cancel"),
    path("claims/lines/<uuid:id>/edit/", views.edit_line, name="edit_line"),
    path("claims/lines/<uuid:id>/remove/", views.remove_line, name="remove_line"),
]

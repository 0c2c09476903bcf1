"""Pages of support access on the portal, below a dealership's own."""

from django.urls import path

from oem.support import views

app_name = "oem_support"
urlpatterns = [
    path("network/<str:slug>/support/", views.asks, name="asks"),
    path("network/<str:slug>/support/<uuid:id>/withdraw/", views.withdraw, name="withdraw"),
]

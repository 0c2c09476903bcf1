"""Pages of insight, on the portal."""

from django.urls import path

from oem.insight import views

app_name = "insight"
urlpatterns = [
    path("", views.home, name="home"),
]

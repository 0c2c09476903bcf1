"""Pages of the exchange, on every host."""

from django.urls import path

from exchange import views

app_name = "exchange"
urlpatterns = [
    path("exchange/", views.overview, name="overview"),
    path("exchange/messages/", views.arrived, name="messages"),
    path("exchange/messages/retry/", views.retry_all, name="retry_all"),
    path("exchange/comparisons/<uuid:member>/replay/", views.replay, name="replay"),
    path("exchange/messages/<uuid:id>/", views.message, name="message"),
    path("exchange/messages/<uuid:id>/retry/", views.retry, name="retry"),
    path("exchange/messages/<uuid:id>/skip/", views.skip, name="skip"),
]

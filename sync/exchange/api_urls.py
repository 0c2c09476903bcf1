"""API addresses of the exchange, under /api/v1/ on every host."""

from django.urls import path

from exchange import api

urlpatterns = [
    path("exchange/status", api.Status.as_view(), name="api_exchange_status"),
    path("exchange/comparisons/<uuid:member>/replay", api.ReplayDifferences.as_view(), name="api_exchange_replay"),
    path("exchange/messages/<uuid:id>/retry", api.RetryMessage.as_view(), name="api_exchange_retry"),
    path("exchange/messages/<uuid:id>/skip", api.SkipMessage.as_view(), name="api_exchange_skip"),
]

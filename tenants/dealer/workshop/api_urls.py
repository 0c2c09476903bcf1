"""The workshop in the API."""

from django.urls import path

from dealer.workshop import api

urlpatterns = [
    path("appointments", api.AppointmentList.as_view(), name="api_appointments"),
    path("appointments/<str:id>", api.AppointmentDetail.as_view(), name="api_appointment"),
    path("repair-orders", api.OrderList.as_view(), name="api_repair_orders"),
    path("repair-orders/<str:id>", api.OrderDetail.as_view(), name="api_repair_order"),
    path("repair-orders/<str:id>/jobs", api.JobList.as_view(), name="api_jobs"),
    path("repair-orders/<str:id>/close", api.OrderClose.as_view(), name="api_repair_order_close"),
]

from django.urls import path

from dealer.stock import api

urlpatterns = [
    path("vehicles", api.VehicleList.as_view(), name="api_vehicles"),
    path("vehicles/<str:id>", api.VehicleDetail.as_view(), name="api_vehicle"),
]

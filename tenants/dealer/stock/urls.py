from django.urls import path

from dealer.stock import views

app_name = "stock"
urlpatterns = [
    path("stock/", views.listing, name="list"),
    path("stock/new/", views.new, name="new"),
    path("stock/import/", views.import_cars, name="import"),
    path("stock/<str:id>/", views.vehicle, name="vehicle"),
    path("stock/<str:id>/move/", views.move, name="move"),
]

from django.urls import path

from dealer.support import views

app_name = "support"
urlpatterns = [
    path("support/", views.accesses, name="list"),
    path("support/enter/<str:code>/", views.enter, name="enter"),
    path("support/<str:id>/", views.access, name="access"),
    path("support/<str:id>/approve/", views.approve, name="approve"),
    path("support/<str:id>/refuse/", views.refuse, name="refuse"),
    path("support/<str:id>/end/", views.end, name="end"),
    path("support/<str:id>/trail/", views.trail, name="trail"),
]

from django.urls import path

from dealer.sharing import views

app_name = "sharing"
urlpatterns = [
    path("sharing/", views.switchboard, name="switchboard"),
    path("sharing/ledger/", views.ledger, name="ledger"),
    path("sharing/ledger/<str:id>/", views.message, name="message"),
    path("sharing/readings/", views.readings, name="readings"),
    path("sharing/agreements/", views.agreements, name="agreements"),
    path("sharing/agreements/<str:id>/", views.agreement, name="agreement"),
    path("sharing/<str:id>/", views.flow, name="flow"),
    path("sharing/<str:id>/preview/", views.preview, name="preview"),
    path("sharing/<str:id>/level/", views.change_level, name="change_level"),
]

from django.urls import path

from dealer.customers import consenting, subject_access, views

app_name = "customers"
urlpatterns = [
    path("customers/", views.listing, name="list"),
    path("customers/new/", views.new, name="new"),
    path("customers/duplicates/", views.duplicates, name="duplicates"),
    path("customers/consents/<str:id>/withdraw/", views.withdraw_consent, name="withdraw_consent"),
    path("customers/parties/<str:id>/end/", views.end_party, name="end_party"),
    path("customers/<str:id>/", views.card, name="card"),
    path("customers/<str:id>/edit/", views.edit, name="edit"),
    path("customers/<str:id>/meet/", views.meet, name="meet"),
    path("customers/<str:id>/interactions/", views.interaction, name="interaction"),
    path("customers/<str:id>/consents/ask/<str:purpose>/<str:recipient>/", consenting.ask, name="ask_consent"),
    path("customers/<str:id>/consents/record/", consenting.paper, name="consent_record"),
    path("customers/<str:id>/copy/", subject_access.copy, name="copy"),
    path("customers/<str:id>/vehicles/new/", views.add_vehicle, name="add_vehicle"),
]

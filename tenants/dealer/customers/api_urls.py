from django.urls import path

from dealer.customers import api

urlpatterns = [
    path("customers", api.Customers.as_view(), name="api_customers"),
    path("customers/<str:id>", api.OneCustomer.as_view(), name="api_customer"),
    path("customers/<str:id>/consents", api.CustomerConsents.as_view(), name="api_customer_consents"),
    path(
        "customers/<str:id>/consents/<str:consent_id>/withdraw",
        api.ConsentWithdrawal.as_view(),
        name="api_consent_withdraw",
    ),
]

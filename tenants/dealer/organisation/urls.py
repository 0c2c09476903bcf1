"""Pages of the dealership itself. `search` stands outside the namespace: the page shell names it."""

from django.urls import include, path

from dealer.organisation import views

_pages = [
    path("", views.today, name="home"),
    path("today/", views.today, name="today"),
    path("settings/", views.settings, name="settings"),
    path("settings/logo/", views.set_logo, name="set_logo"),
    path("settings/logo/remove/", views.remove_logo, name="remove_logo"),
    path("settings/sites/new/", views.site, name="new_site"),
    path("settings/sites/<str:id>/", views.site, name="site"),
    path("settings/export/", views.exports, name="exports"),
    path("settings/export/<str:id>/", views.download_export, name="download_export"),
    path("settings/addresses/", views.addresses, name="addresses"),
    path("settings/addresses/main/", views.make_main_address, name="make_main_address"),
    path("settings/addresses/<str:id>/check/", views.check_address, name="check_address"),
    path("settings/addresses/<str:id>/release/", views.give_address_up, name="give_address_up"),
    path("settings/staff/", views.staff, name="staff"),
    path("settings/staff/<str:id>/", views.employee, name="employee"),
    path("logo/<str:name>", views.logo, name="logo"),
]

urlpatterns = [
    path("", include((_pages, "organisation"))),
    path("search/", views.search, name="search"),
]

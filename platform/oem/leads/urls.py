"""Pages of the lead hub, on the portal."""

from django.urls import path

from oem.leads import views

app_name = "leads"
urlpatterns = [
    path("leads/", views.leads, name="leads"),
    path("leads/desk/", views.worklist, name="desk"),
    path("leads/new/", views.new, name="new"),
    path("leads/options/<slug:kind>/", views.select_options, name="options"),
    path("leads/<uuid:lead_id>/", views.lead, name="lead"),
    path("leads/<uuid:lead_id>/original/", views.original, name="original"),
    path("leads/<uuid:lead_id>/complete/", views.complete, name="complete"),
    path("leads/<uuid:lead_id>/route/", views.route, name="route"),
    path("leads/<uuid:lead_id>/assign/", views.assign, name="assign"),
    path("leads/<uuid:lead_id>/close/", views.close, name="close"),
]

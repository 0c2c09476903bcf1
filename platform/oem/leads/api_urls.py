"""API addresses of the lead hub, under /api/v1/."""

from django.urls import path

from oem.leads import api

urlpatterns = [
    path("intake/adf", api.IntakeAdf.as_view(), name="api_intake_adf"),
    path("intake/leads", api.IntakeJson.as_view(), name="api_intake_leads"),
    path("leads", api.Leads.as_view(), name="api_leads"),
    path("leads/<uuid:lead_id>", api.LeadView.as_view(), name="api_lead"),
    path("leads/<uuid:lead_id>/route", api.RouteLead.as_view(), name="api_lead_route"),
    path("leads/<uuid:lead_id>/reassign", api.ReassignLead.as_view(), name="api_lead_reassign"),
    path("leads/<uuid:lead_id>/close", api.CloseLead.as_view(), name="api_lead_close"),
]

from django.urls import path

from dealer.sales.api import deals, leads, prospects

urlpatterns = [
    path("leads", leads.LeadList.as_view(), name="api_leads"),
    path("leads/<str:id>", leads.LeadDetail.as_view(), name="api_lead"),
    path("leads/<str:id>/accept", leads.LeadAccept.as_view(), name="api_lead_accept"),
    path("leads/<str:id>/decline", leads.LeadDecline.as_view(), name="api_lead_decline"),
    path("leads/<str:id>/outcome", leads.LeadOutcomeView.as_view(), name="api_lead_outcome"),
    path("leads/<str:id>/assign", leads.LeadAssign.as_view(), name="api_lead_assign"),
    path("prospects", prospects.ProspectList.as_view(), name="api_prospects"),
    path("prospects/<str:id>", prospects.ProspectDetail.as_view(), name="api_prospect"),
    path("prospects/<str:id>/lose", prospects.ProspectLose.as_view(), name="api_prospect_lose"),
    path("follow-ups", prospects.FollowUpList.as_view(), name="api_follow_ups"),
    path("test-drives", prospects.TestDriveList.as_view(), name="api_test_drives"),
    path("test-drives/<str:id>/complete", prospects.TestDriveComplete.as_view(), name="api_test_drive_complete"),
    path("test-drives/<str:id>/cancel", prospects.TestDriveCancelled.as_view(), name="api_test_drive_cancel"),
    path("quotations", deals.QuotationList.as_view(), name="api_quotations"),
    path("quotations/<str:id>", deals.QuotationDetail.as_view(), name="api_quotation"),
    path("quotations/<str:id>/refuse", deals.QuotationRefuse.as_view(), name="api_quotation_refuse"),
    path("sales-contracts", deals.ContractList.as_view(), name="api_contracts"),
    path("sales-contracts/<str:id>", deals.ContractDetail.as_view(), name="api_contract"),
    path("sales-contracts/<str:id>/approve", deals.ContractApprove.as_view(), name="api_contract_approve"),
    path("sales-contracts/<str:id>/reject", deals.ContractReject.as_view(), name="api_contract_reject"),
    path("sales-contracts/<str:id>/cancel", deals.ContractCancel.as_view(), name="api_contract_cancel"),
    path("deliveries", deals.DeliveryList.as_view(), name="api_deliveries"),
    path("deliveries/<str:id>", deals.DeliveryDetail.as_view(), name="api_delivery"),
]

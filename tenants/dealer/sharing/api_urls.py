from django.urls import path

from dealer.sharing import api, api_backfills

urlpatterns = [
    path("sharing/agreements", api.Agreements.as_view(), name="api_sharing_agreements"),
    path("sharing/agreements/<str:id>/sign", api.Signature.as_view(), name="api_sharing_sign"),
    path("sharing/agreements/<str:id>/revoke", api.Notice.as_view(), name="api_sharing_revoke"),
    path("sharing/levels", api.Levels.as_view(), name="api_sharing_levels"),
    path("sharing/backfills", api_backfills.Backfills.as_view(), name="api_sharing_backfills"),
    path("sharing/backfills/<str:id>/stop", api_backfills.StopBackfill.as_view(), name="api_sharing_stop_backfill"),
    path("sharing/preview", api.Previews.as_view(), name="api_sharing_preview"),
    path("sharing/ledger", api.LedgerRows.as_view(), name="api_sharing_ledger"),
    path("sharing/ledger/heads", api.SignedHeads.as_view(), name="api_sharing_heads"),
    path("sharing/ledger/heads/<str:day>", api.OneSignedHead.as_view(), name="api_sharing_head"),
    path("sharing/ledger/<str:id>", api.OneMessage.as_view(), name="api_sharing_message"),
    path("sharing/readings", api.ReadingRows.as_view(), name="api_sharing_readings"),
    path("sharing/explain", api.Explanation.as_view(), name="api_sharing_explain"),
]

from django.urls import path

from dealer.sharing import explaining, views

app_name = "sharing"
urlpatterns = [
    path("sharing/", views.switchboard, name="switchboard"),
    path("sharing/ledger/", views.ledger, name="ledger"),
    path("sharing/ledger/list/", views.statutory_list, name="statutory_list"),
    path("sharing/ledger/heads/<str:day>/", views.signed_head, name="signed_head"),
    path("sharing/ledger/<str:id>/", views.message, name="message"),
    path("sharing/readings/", views.readings, name="readings"),
    path("sharing/comparison/", views.comparison, name="comparison"),
    path("sharing/withdrawals/", views.withdrawals, name="withdrawals"),
    path("sharing/withdrawals/<str:id>/", views.decide, name="decide"),
    path("sharing/erasures/", views.erasures, name="erasures"),
    path("sharing/erasures/<str:id>/", views.erasure, name="erasure"),
    path("sharing/erasures/<str:id>/decline/", views.decline, name="decline_erasure"),
    path("sharing/erase/<str:id>/", views.erase, name="erase"),
    path("sharing/agreements/", views.agreements, name="agreements"),
    path("sharing/agreements/<str:id>/", views.agreement, name="agreement"),
    path("sharing/backfills/<str:id>/stop/", views.stop_backfill, name="stop_backfill"),
    path("sharing/agreements/<str:id>/preview/", views.term_preview, name="term_preview"),
    path("sharing/agreements/<str:id>/end/", views.end_agreement, name="end_agreement"),
    path("sharing/agreements/<str:id>/keep/", views.keep_agreement, name="keep_agreement"),
    path("sharing/explain/<str:kind>/<str:id>/", explaining.explain, name="explain"),
    path("sharing/<str:id>/", views.flow, name="flow"),
    path("sharing/<str:id>/preview/", views.preview, name="preview"),
    path("sharing/<str:id>/withdrawing/", views.choose, name="choose"),
    path("sharing/<str:id>/level/", views.change_level, name="change_level"),
    path("sharing/<str:id>/backfill/", views.start_backfill, name="start_backfill"),
    path("sharing/<str:id>/backfill/progress/", views.backfill_progress, name="backfill_progress"),
]

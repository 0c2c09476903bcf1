"""Mounted under /api/ on every host."""

from django.urls import path

from kernel.accounts.access import open_to_all
from kernel.api import views

urlpatterns = [
    path("schema/", open_to_all(views.SchemaView.as_view()), name="api_schema"),
    path("docs/", open_to_all(views.DocsView.as_view()), name="api_docs"),
    path("problems/", views.problems, name="api_problems"),
    path("problems/<slug:code>", views.problem, name="api_problem"),
]

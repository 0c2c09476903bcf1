"""No member, no pages: what a request without a known host could reach."""

urlpatterns: list = []

"""A dealership's host: `<slug>.<base>`."""

from dealernet.routes import DEALER_APPS, patterns_of

urlpatterns = patterns_of(DEALER_APPS)
handler400 = "kernel.ui.views.bad_request"
handler403 = "kernel.ui.views.forbidden"
handler404 = "kernel.ui.views.not_found"
handler500 = "kernel.ui.views.server_error"

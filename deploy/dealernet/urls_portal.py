"""The manufacturer's host: `portal.<base>`."""

from dealernet.routes import PORTAL_APPS, patterns_of

urlpatterns = patterns_of(PORTAL_APPS)
handler400 = "kernel.ui.views.bad_request"
handler403 = "kernel.ui.views.forbidden"
handler404 = "kernel.ui.views.not_found"
handler500 = "kernel.ui.views.server_error"

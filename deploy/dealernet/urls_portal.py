"""The manufacturer's host: `portal.<base>`."""

from dealernet.routes import PORTAL_APPS, patterns_of

urlpatterns = patterns_of(PORTAL_APPS)
handler400 = "kernel.ui.errors.bad_request"
handler403 = "kernel.ui.errors.forbidden"
handler404 = "kernel.ui.errors.not_found"
handler500 = "kernel.ui.errors.server_error"

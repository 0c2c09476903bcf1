"""The WSGI application of the portal's and of the dealers' web processes."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dealernet.settings")
application = get_wsgi_application()

"""Stock django-tenants with the same apps and migrations: what the wall and the fleet are measured against."""

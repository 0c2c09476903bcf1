"""What insight adds to the portal's navigation, to a car's page and to a dealership's page."""

from oem.aftersales import vehicle  # noqa: F401 - registers its parts of a car's page

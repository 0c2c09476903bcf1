"""Which release of the product this is."""

from importlib.metadata import version

RELEASE = version("dealernet")

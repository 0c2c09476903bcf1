import pytest

from kernel.ui import branding


@pytest.fixture
def no_branding(monkeypatch):
    """No app has registered a branding: the kit's own behaviour, without a database."""
    monkeypatch.setattr(branding, "_providers", {})

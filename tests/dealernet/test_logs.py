"""Log lines help, and quote no row."""

from __future__ import annotations

import logging

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.module_loading import import_string

from kernel.accounts.models import User


@pytest.fixture
def written(caplog):
    """What the product's formatter makes of what was logged."""
    formatters = settings.LOGGING["formatters"]
    formatter = import_string(formatters["line"]["()"])("%(levelname)s %(name)s: %(message)s")
    return lambda: "\n".join(formatter.format(record) for record in caplog.records)


def test_what_the_database_quotes_of_a_row_is_left_out(wall, north, written):
    log = logging.getLogger("tests")
    with north.bound():
        login = User.objects.values_list("login", flat=True)[0]
        again = "INSERT INTO accounts_user SELECT * FROM accounts_user WHERE login = %s"
        quoted = pytest.raises(IntegrityError, match=r"DETAIL:  Key \(.*\) already exists")
        with quoted as caught, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(again, [login])
    log.error("it failed: %s", caught.value, exc_info=caught.value)
    text = written()
    assert "duplicate key value violates unique constraint" in text
    assert "Traceback" in text
    assert "DETAIL: left out, it may quote a row" in text
    assert "already exists" not in text


def test_an_ordinary_line_stays_as_it_is(written, caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("tests").info("the DETAIL: of %s", "a lead")
    assert written() == "INFO tests: the DETAIL: of a lead"

"""The registry of personal fields: it names every column, and what it promises can be done."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kernel.personal import registry as registry_module
from kernel.personal.registry import ERASING, PersonalClass, Treatment, holding, problems, product_models, registry


def test_every_column_that_can_hold_something_about_a_person_has_an_entry_and_every_entry_a_column():
    assert problems() == []


def test_what_people_typed_about_a_customer_is_never_kept():
    kept = [
        f"{table.label}.{column.name}"
        for table in registry().values()
        for column in table.columns.values()
        if column.personal in (PersonalClass.FREE_TEXT, PersonalClass.CONTACT) and column.treatment is Treatment.KEEP
    ]
    assert kept == []


def test_the_fields_of_contracts_that_name_people_are_classified_where_they_are_kept():
    owner = registry()["owners.Owner"].columns
    for name in ("name", "company_name", "sex", "birthday", "phone", "email", "district", "address"):
        assert owner[name].treatment in ERASING, name


@pytest.fixture
def altered(tmp_path, monkeypatch):
    """The registry read again with other words for one app."""

    def read(app: str, change):
        config = next(c for c in registry_module._configs() if c.label == app)
        body = tomllib.loads((Path(config.path) / registry_module.FILE).read_text(encoding="utf-8"))
        change(body)
        known = dict(registry())
        for name, entry in body.items():
            table = registry_module._table(config, name, entry)
            known[table.label] = table
        monkeypatch.setattr(registry_module, "registry", lambda: known)
        return problems()

    return read


def test_a_column_without_an_entry_is_found(altered):
    assert altered("customers", lambda body: body["Customer"]["contact"]["blank"].remove("email")) == [
        "customers.Customer.email: no entry in personal.toml"
    ]


def test_an_entry_without_a_column_is_found(altered):
    assert altered("customers", lambda body: body["Customer"]["contact"]["blank"].append("fax")) == [
        "customers.Customer.fax: an entry without a column"
    ]


def test_what_the_login_may_not_do_is_found(altered):
    def change(body):
        body["OdometerReading"] = {
            "of": {"car": "vehicle_id"},
            "none": ["source", "recorded_at"],
            "identity": {"blank": ["by_name", "on"]},
        }

    assert altered("customers", change) == [
        "customers.OdometerReading.by_name: its own login may not change it",
        "customers.OdometerReading.on: a day that must be given cannot be emptied",
        "customers.OdometerReading.on: its own login may not change it",
    ]


def test_rows_of_nobody_and_reasons_that_are_missing_are_found(altered):
    def change(body):
        del body["Vehicle"]["of"]
        del body["Vehicle"]["reference"]["why"]
        body["Consent"]["evidence"]["blank"] = ["signature"]
        body["Consent"]["reference"] = {"row": ["evidence"]}

    assert sorted(altered("customers", change)) == [
        "customers.Consent.evidence: its own login may not delete the row",
        "customers.Vehicle.mark: it is kept without a reason",
        "customers.Vehicle.plate: nobody knows whose row it is (`of`)",
        "customers.Vehicle.vin: it is kept without a reason",
    ]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"Nothing": {}}, "no model Nothing"),
        ({"Customer": {"none": ["name"], "identity": {"blank": ["name"]}}}, "stands there twice"),
        ({"Customer": {"private": {"blank": ["name"]}}}, "private"),
        ({"Customer": {"identity": {"forget": ["name"]}}}, "forget"),
    ],
)
def test_a_file_that_is_no_registry_is_refused(entry, words):
    config = next(c for c in registry_module._configs() if c.label == "customers")
    ((name, body),) = entry.items()
    with pytest.raises(ValueError, match=words):
        registry_module._table(config, name, body)


def test_every_table_of_the_product_stands_in_it():
    assert {model._meta.label for model in product_models() if holding(model)} <= set(registry())

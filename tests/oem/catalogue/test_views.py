"""Pages of the catalogue."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.accounts.actors import SYSTEM
from kernel.accounts.roles import PORTAL_ROLES, RIGHTS, Right
from kernel.reference.queries import publication
from oem.catalogue import actions
from oem.catalogue.models import Part, Variant
from oem.catalogue.nouns import BY_KEY, NOUNS

READ = ["/catalogue/", *(f"/catalogue/{noun.key}/" for noun in NOUNS), "/catalogue/parts/entries/XH-1001-01/"]
WRITE = ["/catalogue/parts/new/", "/catalogue/parts/import/"]


@pytest.mark.parametrize("role", sorted(PORTAL_ROLES))
def test_everyone_of_the_portal_reads_and_few_write(wall, portal, role):
    client = portal.client(role)
    assert {client.get(path).status_code for path in READ} == {200}
    wanted = 200 if Right.CATALOGUE_WRITE in RIGHTS[role] else 403
    assert {client.get(path).status_code for path in WRITE} == {wanted}
    assert client.post("/catalogue/publish/").status_code == (302 if wanted == 200 else 403)


@pytest.mark.parametrize(
    "path",
    [
        "/catalogue/wings/",
        "/catalogue/parts/entries/NOPE/",
        "/catalogue/brands/import/",
        "/catalogue/brands/export.csv",
    ],
)
def test_what_is_not_there_is_404(wall, portal, path):
    assert portal.client("network_admin").get(path).status_code == 404


def test_who_may_only_read_sees_no_form_and_cannot_post(wall, portal):
    client = portal.client("auditor")
    assert 'name="price"' not in client.get("/catalogue/parts/entries/XH-1001-01/").content.decode()
    assert client.post("/catalogue/parts/entries/XH-1001-01/", {"price": "1"}).status_code == 405
    with portal.bound():
        assert Part.objects.get(pk="XH-1001-01").price == 420


def test_an_entry_is_added_changed_and_published(wall, portal):
    client = portal.client("network_admin")
    sent = {
        "number": "XH-9-1",
        "brand": "XH",
        "name_zh_hans": "雨刮片",
        "name_zh_hant": "雨刷片",
        "name_en": "Wiper blades",
        "causal_group": "body",
        "price": "88.00",
        "currency": "CNY",
        "wear_part": "on",
        "fits": ["XH-TL"],
    }
    assert client.post("/catalogue/parts/new/", sent).headers["Location"] == "/catalogue/parts/entries/XH-9-1/"
    assert client.post("/catalogue/parts/new/", sent).status_code == 422
    page = client.get("/catalogue/parts/entries/XH-9-1/").content.decode()
    assert "Wiper blades" in page
    assert re.search(r'value="XH-TL"[^>]*checked', page)
    assert "XH-9-1" in client.get("/catalogue/parts/?fits=XH-TL").content.decode()
    others = client.get("/catalogue/parts/?fits=XH-HF").content.decode()
    assert "XH-9-1" not in others
    assert "XH-3501-01" in others, "what names no series fits all of its brand"
    changed = {**sent, "price": "-1"}
    refused = client.post("/catalogue/parts/entries/XH-9-1/", changed)
    assert refused.status_code == 422
    assert 'value="-1"' in refused.content.decode()
    assert client.post("/catalogue/parts/entries/XH-9-1/", {**sent, "price": "90"}).status_code == 302
    assert "/catalogue/publish/" in client.get("/catalogue/").content.decode()
    assert client.post("/catalogue/publish/").status_code == 302
    with portal.bound():
        assert publication().version == 2
    assert "/catalogue/publish/" not in client.get("/catalogue/").content.decode()


def test_colours_are_edited_as_lines(wall, portal):
    client = portal.client("network_admin")
    path = "/catalogue/variants/entries/XH-HF-26-01/"
    page = client.get(path).content.decode()
    assert "W; 云白; 雲白; Cloud white; #f4f4f2" in page
    sent = {
        "model": "XH-HF-26",
        "name_zh_hans": "舒适型",
        "name_zh_hant": "舒適型",
        "name_en": "Comfort",
        "list_price": "100000",
        "currency": "CNY",
        "on_sale_from": "2023-01-01",
        "warranty_months": "36",
        "warranty_km": "100000",
    }
    assert client.post(path, {**sent, "colours": "R; 红; 紅; Red; #aa0000\n"}).status_code == 302
    with portal.bound():
        assert [c["code"] for c in Variant.objects.get(pk="XH-HF-26-01").colours] == ["R"]
    for wrong in ("R; 红", "R; 红; 紅; Red; red"):
        assert client.post(path, {**sent, "colours": wrong}).status_code == 422


def upload(client, text):
    file = SimpleUploadedFile("parts.csv", text.encode(), content_type="text/csv")
    return client.post("/catalogue/parts/import/", {"file": file})


def test_a_file_is_brought_in_whole_or_not_at_all(wall, portal):
    client = portal.client("network_admin")
    refused = upload(client, "number,price\nXH-1001-01,500\nXH-3501-01,cheap\n")
    assert refused.status_code == 422
    assert "XH" not in refused.content.decode().split("<ul>")[-1].split("</ul>")[0]
    assert "price" in refused.content.decode()
    with portal.bound():
        assert Part.objects.get(pk="XH-1001-01").price == 420
    assert upload(client, "not a table").status_code == 422
    assert upload(client, "number,price\nXH-1001-01,500\n").status_code == 302
    with portal.bound():
        assert Part.objects.get(pk="XH-1001-01").price == 500


def test_entries_are_exported_for_editing(wall, portal):
    content = portal.client("network_admin").get("/catalogue/parts/export.csv").getvalue().decode("utf-8-sig")
    assert content.splitlines()[0].startswith("number,brand,name_zh_hans")
    assert "XH-3501-01" in content


def test_lists_filter_and_sort(wall, portal):
    client = portal.client("network_admin")

    def shown(query):
        page = client.get(f"/catalogue/labour-operations/?{query}").content.decode()
        return [code for code in ("XH-ENG-010", "XH-BRK-010", "YC-BAT-010") if f"entries/{code}/" in page]

    assert shown("q=水泵") == ["XH-ENG-010"]
    assert shown("brand=YC") == ["YC-BAT-010"]
    assert shown("system=brakes") == ["XH-BRK-010"]
    assert shown("withdrawn=1") == []
    assert client.get("/catalogue/labour-operations/?sort=-standard_hours").status_code == 200


@pytest.mark.parametrize("path", ["/catalogue/parts/", "/catalogue/"])
def test_pages_cost_the_same_however_long_the_list(wall, portal, path):
    client = portal.client("network_admin")
    client.get(path)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    few = queries()
    names = {"name_zh_hans": "名", "name_zh_hant": "名", "name_en": "Name"}
    rows = [{"number": f"P-{n}", "brand": "XH", "causal_group": "body", "price": "1", **names} for n in range(60)]
    with portal.bound():
        actions.import_entries(actor=SYSTEM, noun=BY_KEY["parts"], rows=rows)
    assert queries() == few
    assert few <= 15

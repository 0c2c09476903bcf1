"""Name, colours, logo, sites and people of a dealership."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image
from tests.dealer.speaking import speaking

from dealer.organisation import actions, logos, queries
from dealer.organisation.models import Department, Employee, Profile, Site
from kernel.audit.models import Entry
from kernel.errors import Forbidden, Invalid


@pytest.fixture
def at_north(wall, north):
    with north.bound():
        yield north


@pytest.fixture
def manager(wall, north):
    return north.actor("general_manager")


@pytest.fixture
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def picture(form="PNG", size=(800, 300), **options) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, "#0b5fa5").save(out, form, **options)
    return out.getvalue()


def set_logo(actor, body: bytes):
    return actions.set_logo(actor=actor, upload=BytesIO(body), size=len(body))


# -- joining


def test_a_dealership_joins_with_profile_site_and_departments(at_north):
    mine = queries.profile()
    assert (mine.id, mine.slug, mine.name) == (at_north.id, "north", "Northstar Auto")
    assert mine.currency == "CNY"
    assert Site.objects.get().is_main
    assert Department.objects.count() == 6


def test_joining_again_changes_nothing(committed, north):
    from kernel.tenancy import steward
    from kernel.tenancy.bindings import Owner, bound
    from kernel.tenancy.models import State, Tenant
    from kernel.testing.network import NORTH

    with north.bound():
        Site.objects.update(name="Renamed by us")
    with bound(Owner()):  # as if the steward had been killed before the end
        Tenant.objects.filter(id=NORTH).update(state=State.JOINING)
    steward.provision({"id": str(NORTH), "slug": "north", "name": "Northstar Auto"})
    with north.bound():
        assert Site.objects.get().name == "Renamed by us"


# -- profile


def test_a_change_shows_at_once_and_is_audited(at_north, manager):
    before = queries.profile().theme_version
    actions.update_profile(actor=manager, short_name="北辰", primary_colour="#0B5FA5", phone="021-55551234")
    mine = queries.profile()
    assert (mine.short_name, mine.primary_colour, mine.phone) == ("北辰", "#0b5fa5", "+862155551234")
    assert mine.theme_version == before + 1
    assert Entry.objects.get(action="organisation.update_profile").after["short_name"] == "北辰"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", " ", "required"),
        ("name", "x" * 121, "too_long"),
        ("name", 5, "type"),
        ("primary_colour", "blue", "colour"),
        ("primary_colour", "#12345", "colour"),
        ("primary_colour", "#7a7a7a", "contrast"),
        ("email", "nobody", "email"),
        ("phone", "1380013800", "phone_length"),
        ("language", "fr", "choice"),
        ("time_zone", "Mars/Olympus", "choice"),
        ("currency", "XXX", "choice"),
        ("country", "China", "choice"),
    ],
)
def test_wrong_settings_name_the_field(at_north, manager, field, value, code):
    with pytest.raises(Invalid) as caught:
        actions.update_profile(actor=manager, **{field: value})
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]


def test_saying_the_same_again_changes_nothing(at_north, manager):
    mine = queries.profile()
    again = actions.update_profile(actor=manager, name=f" {mine.name} ", currency="CNY")
    assert again.theme_version == mine.theme_version
    assert not Entry.objects.filter(action="organisation.update_profile").exists()


def test_a_change_that_nobody_sees_leaves_the_theme_alone(at_north, manager):
    before = queries.profile().theme_version
    assert actions.update_profile(actor=manager, address="幸福路 8 号").theme_version == before


def test_a_field_that_settings_do_not_have_is_a_defect_of_the_caller(at_north, manager):
    with pytest.raises(TypeError, match=r"no field \['slug'\]"):
        actions.update_profile(actor=manager, slug="south")
    with pytest.raises(TypeError, match=r"no field \['is_main'\]"):
        actions.save_site(actor=manager, name="East hall", is_main=True)


@pytest.mark.parametrize("role", ["sales_manager", "crm_manager", "receptionist"])
def test_other_roles_change_no_settings(at_north, role):
    with pytest.raises(Forbidden):
        actions.update_profile(actor=at_north.actor(role), name="Mine")


def test_the_theme_follows_the_colours(wall, north, manager):
    with north.bound():
        actions.update_profile(actor=manager, primary_colour="#123456")
    assert "#123456" in north.client().get("/theme.css").content.decode()


# -- logo


@pytest.mark.parametrize(
    ("form", "options"),
    [("PNG", {}), ("JPEG", {"exif": b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00"}), ("WEBP", {}), ("GIF", {})],
)
def test_a_picture_is_written_anew_and_served(wall, north, manager, files, form, options):
    with north.bound():
        name = set_logo(manager, picture(form, **options) + b"<script>alert(1)</script>").logo
    answer = north.client().get(f"/logo/{name}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert b"script" not in answer.content
    with Image.open(BytesIO(answer.content)) as shown:
        assert shown.format == "PNG"
        assert shown.width <= logos.SHOWN_AS[0]
        assert shown.height <= logos.SHOWN_AS[1]


def test_a_logo_lies_in_its_dealerships_own_folder(wall, north, south, manager, files):
    with north.bound():
        name = set_logo(manager, picture()).logo
    assert (files / str(north.id) / name).exists()
    assert south.client().get(f"/logo/{name}").status_code == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"not a picture", "not_a_picture"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'></svg>", "svg"),
        (b"GIF89a" + b"\x00" * 20, "not_a_picture"),
        (picture()[:200], "not_a_picture"),
        (b"x" * (logos.MAX_BYTES + 1), "too_large"),
        (picture(size=(7000, 10)), "too_many_pixels"),
        (picture("BMP"), "not_a_picture"),
        (picture("TIFF"), "not_a_picture"),
    ],
    ids=["empty", "text", "svg", "gif head", "cut", "large", "pixels", "bmp", "tiff"],
)
def test_what_is_no_picture_is_refused_with_the_remedy(at_north, manager, files, body, code):
    with pytest.raises(Invalid) as caught:
        set_logo(manager, body)
    assert [(error.field, error.code) for error in caught.value.errors] == [("logo", code)]
    assert queries.profile().logo == ""
    assert not list(files.rglob("*.png"))


def test_a_lying_size_does_not_help(at_north, manager, files):
    with pytest.raises(Invalid) as caught:
        actions.set_logo(actor=manager, upload=BytesIO(b"x" * (logos.MAX_BYTES + 1)), size=10)
    assert caught.value.errors[0].code == "too_large"


def test_the_old_file_goes_with_the_old_logo(committed, north, files):
    manager = north.actor("general_manager")
    with north.bound():
        set_logo(manager, picture())
        second = set_logo(manager, picture("JPEG")).logo
        assert [path.name for path in files.rglob("*.png")] == [second]
        actions.remove_logo(actor=manager)
    assert not list(files.rglob("*.png"))


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "logo-000.png", ".hidden"])
def test_only_the_logo_in_force_is_served(wall, north, files, name):
    assert north.client().get(f"/logo/{name}").status_code == 404


def test_the_page_uploads_and_refuses_in_the_readers_language(wall, north, files):
    client = speaking(north, "general_manager", "en")
    good = SimpleUploadedFile("logo.png", picture(), "image/png")
    assert client.post("/settings/logo/", {"logo": good}).status_code == 302
    bad = SimpleUploadedFile("logo.png", b"<svg></svg>", "image/png")
    answer = client.post("/settings/logo/", {"logo": bad})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()


# -- pages


PAGES = ["/settings/", "/settings/staff/", "/settings/sites/new/"]
MAY = {"general_manager", "it_admin"}


def test_only_who_decides_on_sharing_changes_whose_law_applies(wall, north):
    with north.bound():
        it, manager = north.actor("it_admin"), north.actor("general_manager")
        with pytest.raises(Invalid) as caught:
            actions.update_profile(actor=it, country="US-MD")
        assert [(error.field, error.code) for error in caught.value.errors] == [("country", "forbidden")]
        assert actions.update_profile(actor=it, country="CN", city="北京市").city == "北京市"
        assert actions.update_profile(actor=manager, country="US-MD").country == "US-MD"
        assert queries.profile().country == "US-MD"


def test_the_settings_offer_places_with_a_law_pack(wall, north):
    text = north.client("it_admin").get("/settings/").content.decode()
    assert '<option value="CN" selected>' in text
    assert '<option value="US-MD">' in text
    assert '<option value="EU">' not in text


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("role", ["general_manager", "it_admin", "sales_manager", "crm_manager", "technician"])
def test_who_opens_settings(wall, north, address, role):
    assert north.client(role).get(address).status_code == (200 if role in MAY else 403)


def test_settings_keep_what_was_typed(wall, north):
    client = north.client("it_admin")
    data = {
        "name": "Northstar Auto",
        "language": "en",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "country": "CN",
        "primary_colour": "#7a7a7a",
        "address": "幸福路 8 号",
    }
    answer = client.post("/settings/", data)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "幸福路 8 号" in text
    assert 'value="#7a7a7a"' in text
    assert client.post("/settings/", data | {"primary_colour": "#123456"}).status_code == 302
    with north.bound():
        assert Profile.objects.get().address == "幸福路 8 号"


def test_sites_and_departments(wall, north, manager):
    client = north.client("general_manager")
    answer = client.post(
        "/settings/sites/new/", {"name": "East hall", "departments": ["sales", "service"], "active": "on"}
    )
    assert answer.status_code == 302
    with north.bound():
        site = Site.objects.get(name="East hall")
        assert not site.is_main
        actions.save_site(actor=manager, site=site, departments=["service"])
        assert dict(site.departments.values_list("kind", "active")) == {"sales": False, "service": True}
        actions.save_site(actor=manager, site=site, phone="（021）5555 1234")
        assert site.phone == "+862155551234"
        with pytest.raises(Invalid, match="area code"):
            actions.save_site(actor=manager, site=site, phone="5555 1234")
    assert 'value="021 5555 1234"' in client.get(f"/settings/sites/{site.pk}/").content.decode()
    assert client.get("/settings/sites/nonsense/").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"name": " "}, "name", "required"),
        ({"name": "East hall", "departments": ["sales", "moon"]}, "departments", "choice"),
        ({"name": "East hall", "phone": "1380013800"}, "phone", "phone_length"),
    ],
)
def test_a_site_that_cannot_be_is_refused(at_north, manager, fields, field, code):
    with pytest.raises(Invalid) as caught:
        actions.save_site(actor=manager, **fields)
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
    assert Site.objects.count() == 1


def test_the_main_site_stays_open_and_others_close(at_north, manager):
    main = Site.objects.get(is_main=True)
    with pytest.raises(Invalid) as caught:
        actions.save_site(actor=manager, site=main, active=False)
    assert caught.value.errors[0].code == "main_site"
    main.refresh_from_db()
    assert main.active
    east = actions.save_site(actor=manager, name="East hall")
    assert not actions.save_site(actor=manager, site=east, active=False).active
    assert Entry.objects.filter(action="organisation.update_site").get().before == {"active": True}


def test_a_department_that_comes_back_is_the_one_that_left(at_north, manager):
    site = actions.save_site(actor=manager, name="East hall", departments=["sales"])
    (first,) = site.departments.all()
    for kinds in ([], ["sales"]):
        actions.save_site(actor=manager, site=site, departments=kinds)
    assert [(row.pk, row.active) for row in site.departments.all()] == [(first.pk, True)]


def test_staff_have_department_and_duties(wall, north, manager):
    client = north.client("general_manager")
    person = north.user("crm_specialist")
    with north.bound():
        department = Department.objects.get(kind="customer_relations")
    answer = client.post(
        f"/settings/staff/{person.pk}/",
        {"department_id": str(department.pk), "job_title": "Specialist", "duties": ["loyalty", "data"]},
    )
    assert answer.status_code == 302
    with north.bound():
        employee = Employee.objects.get(user=person)
        assert (employee.department, employee.site) == (department, department.site)
        assert employee.duties == ["data", "loyalty"]


def test_unknown_duties_and_departments_are_refused(at_north, manager):
    person = at_north.user("crm_specialist")
    with pytest.raises(Invalid) as caught:
        actions.set_employee(actor=manager, user=person, duties=["magic"])
    assert caught.value.errors[0].field == "duties"
    with pytest.raises(Invalid) as caught:
        actions.set_employee(actor=manager, user=person, department_id=at_north.id)
    assert caught.value.errors[0].field == "department"


def test_saying_the_same_of_a_person_again_is_not_audited(at_north, manager):
    person = at_north.user("crm_specialist")
    for title in ("Specialist", "Specialist ", "Senior"):
        actions.set_employee(actor=manager, user=person, job_title=title, duties=["data"])
    changes = Entry.objects.filter(action="organisation.set_employee").order_by("at")
    assert [(row.before, row.after["job_title"]) for row in changes] == [
        (None, "Specialist"),
        ({"job_title": "Specialist"}, "Senior"),
    ]


def test_the_staff_list_costs_the_same_whatever_its_length(wall, north):
    client = north.client("it_admin")
    with CaptureQueriesContext(connection) as counted:
        assert client.get("/settings/staff/").status_code == 200
    assert len(counted) <= 10, [query["sql"] for query in counted]


def test_times_are_those_of_the_dealership(wall, north, manager):
    with north.bound():
        actions.update_profile(actor=manager, time_zone="America/New_York")
    page = north.client("general_manager").get("/settings/")
    assert page.status_code == 200
    assert "America/New_York" in page.content.decode()

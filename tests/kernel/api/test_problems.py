"""Every kind of error of the API is a problem: status, stable type, field, language; never a trace."""

import io
import json
import logging

import pytest

from kernel.accounts.models import OutboxMail
from kernel.api import problems
from kernel.errors import FieldError
from kernel.requests import RequestIdFilter, current_request_id

LETTER = {"to": "a@b.example", "subject": "hello"}
JSON = "application/json"


def check(answer, status, kind, code=None):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"/api/problems/{kind}"
    assert body["code"] == (code or kind)
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == f"urn:dealernet:request:{answer['X-Request-ID']}"
    return body


def post(client, body, **kw):
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.post("/api/v1/letters", data, **{"content_type": JSON, **kw})


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        ("missing", 404, "not_found", "not_found"),
        ("conflict", 409, "conflict", "somebody_was_faster"),
        ("transition", 409, "illegal_transition", "illegal_transition"),
        ("invalid", 422, "invalid", "vin_length"),
        ("too_many", 429, "too_many_requests", "too_many_requests"),
        ("key", 400, "idempotency_key_invalid", "idempotency_key_invalid"),
        ("django404", 404, "not_found", "not_found"),
        ("django403", 403, "forbidden", "forbidden"),
        ("django413", 413, "too_large", "too_large"),
        ("drf503", 500, "server_error", "server_error"),
        ("bug", 500, "server_error", "server_error"),
    ],
)
def test_every_refusal_has_its_status_type_and_code(caller, north, kind, status, type_, code):
    answer = caller(north, "technician").get(f"/api/v1/broken/{kind}")
    body = check(answer, status, type_, None if type_ == code else code)
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    if kind == "too_many":
        assert answer["Retry-After"] == "7"
    if kind == "invalid":
        assert body["errors"] == [
            {"field": "vin", "code": "vin_length", "message": "The VIN has 17 characters."},
            {"field": "", "code": "vin_length", "message": "Nothing fits."},
        ]


def test_the_type_leads_to_a_page_that_explains_it(caller, north):
    client = caller(north, "technician")
    for code in problems.PROBLEMS:
        page = client.get(f"/api/problems/{code}")
        assert page.status_code == 200
        assert code in page.text
    assert all(code in client.get("/api/problems/").text for code in problems.PROBLEMS)
    assert client.get("/api/problems/nonsense").status_code == 404


@pytest.mark.parametrize(
    ("body", "content_type", "status", "kind"),
    [
        ("{", JSON, 400, "malformed_json"),
        (b"\xff\xfe", JSON, 400, "malformed_json"),
        ('{"to": NaN}', JSON, 400, "malformed_json"),
        ('{"to": "a@b.example", "to": "c@d.example"}', JSON, 400, "malformed_json"),
        ("[" * 1900, JSON, 400, "malformed_json"),
        ('{"to": "\\u0000"}', JSON, 400, "malformed_json"),
        ('{"to": "\\ud800"}', JSON, 400, "malformed_json"),
        (json.dumps(LETTER), "text/plain", 415, "unsupported_media_type"),
        (json.dumps(LETTER), "application/xml", 415, "unsupported_media_type"),
        ("a" * 2001, JSON, 413, "too_large"),
    ],
)
def test_bodies_that_cannot_be_read(caller, north, body, content_type, status, kind):
    client = caller(north, "sales_manager")
    check(post(client, body, content_type=content_type), status, kind)
    assert post(client, LETTER).status_code == 201, "the same client with a right body is served"


def test_deep_json_is_refused_not_an_error(caller, north):
    client = caller(north, "sales_manager")
    answer = client.post("/api/v1/letters", "[" * 100_000, content_type=JSON)
    check(answer, 413, "too_large")


@pytest.mark.parametrize("body", ["[]", '"text"', "7", "null", '[{"to": "x"}]'])
def test_json_of_another_shape_is_named(caller, north, body):
    body = check(post(caller(north, "sales_manager"), body), 422, "invalid")
    assert [e["field"] for e in body["errors"]] == [""]


def test_all_wrong_fields_are_named_at_once(caller, north):
    wrong = {
        "to": "nonsense",
        "copies": 0,
        "surprise": 1,
        "id": "x",
        "lines": [{"code": "ok"}, {"code": "toolong", "x": 1}],
    }
    body = check(post(caller(north, "sales_manager"), wrong), 422, "invalid")
    assert {(e["field"], e["code"]) for e in body["errors"]} == {
        ("to", "invalid"),
        ("subject", "required"),
        ("copies", "min_value"),
        ("surprise", "unknown_field"),
        ("id", "unknown_field"),
        ("lines.1.code", "max_length"),
        ("lines.1.x", "unknown_field"),
    }


def test_an_unknown_field_alone_is_refused_too(caller, north):
    client = caller(north, "sales_manager")
    body = check(post(client, {**LETTER, "is_admin": True}), 422, "invalid")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("is_admin", "unknown_field")]
    with north.bound():
        assert not OutboxMail.objects.exists()


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en"])
def test_problems_speak_the_language_asked_for(caller, north, language):
    client = caller(north, "technician", language=language)
    answer = client.get("/api/v1/broken/missing")
    assert answer["Content-Language"] == language.lower()
    client = caller(north, "sales_manager", language=language)
    message = check(post(client, {"subject": "x"}), 422, "invalid")["errors"][0]["message"]
    assert message == {"zh-Hans": "此项必填。", "zh-Hant": "此欄必填。", "en": "This field is required."}[language]


def test_without_accept_language_the_person_decides(caller, north):
    client = caller(north, "sales_manager")
    client.defaults.pop("HTTP_ACCEPT_LANGUAGE")
    answer = post(client, {"subject": "x"})
    assert answer["Content-Language"] == "zh-hans"


def test_methods_addresses_and_formats_that_are_not_there(caller, north):
    client = caller(north, "sales_manager")
    answer = client.delete("/api/v1/letters")
    check(answer, 405, "method_not_allowed")
    assert set(answer["Allow"].split(", ")) == {"GET", "POST", "HEAD", "OPTIONS"}
    check(client.get("/api/v1/nonsense"), 404, "not_found")
    check(client.get("/api/nonsense"), 404, "not_found")
    check(client.get("/api/v1/letters", headers={"Accept": "text/html"}), 406, "not_acceptable")


def test_odd_requests_are_refused_before_any_view(caller, north):
    client = caller(north, "sales_manager")
    check(client.get("/api/v1/people?cursor=%00"), 400, "bad_request")
    check(client.get("/api/v1/people%00"), 400, "bad_request")
    check(client.get("/sign-in/?next=%00"), 400, "bad_request")
    check(client.post("/api/v1/letters", "x" * 3_000_000, content_type=JSON), 413, "too_large")
    check(post(client, LETTER, headers={"Transfer-Encoding": "chunked"}), 411, "length_required")
    check(client.generic("POST", "/api/v1/letters", "{}", JSON, CONTENT_LENGTH="-1"), 400, "bad_request")


def test_nested_errors_are_flattened():
    from rest_framework.exceptions import ErrorDetail

    one = ErrorDetail("m", "c")
    assert problems.flatten({"a": {"non_field_errors": [one], "b": [{}, {"c": [one]}]}, "non_field_errors": [one]}) == [
        FieldError("a", "c", "m"),
        FieldError("a.b.1.c", "c", "m"),
        FieldError("", "c", "m"),
    ]


def test_a_code_is_registered_once():
    with pytest.raises(ValueError, match="not_found"):
        problems.register("not_found", 404, "x", "y")


def test_a_list_of_the_wrong_things_is_named_by_place(caller, north):
    client = caller(north, "technician")
    answer = client.post("/api/v1/raw", '{"tags": ["a", {}, []]}', content_type=JSON)
    body = check(answer, 422, "invalid")
    assert {e["field"] for e in body["errors"]} == {"tags.1", "tags.2"}


@pytest.fixture
def log():
    """What the product's own log handler writes."""
    handler = next(h for h in logging.getLogger().handlers if any(isinstance(f, RequestIdFilter) for f in h.filters))
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def test_log_lines_name_the_request_that_the_answer_names(caller, north, log):
    answer = caller(north, "technician").get("/api/v1/broken/bug")
    assert f" ERROR django.request [{answer['X-Request-ID']}]: " in log.getvalue()
    assert current_request_id() == ""
    logging.getLogger("kernel.requests").warning("outside")
    assert log.getvalue().endswith(" WARNING kernel.requests: outside\n")

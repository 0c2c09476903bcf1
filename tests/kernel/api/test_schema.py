"""The API describes itself, at every host its own part, with nothing from elsewhere."""

import json
import re

from drf_spectacular.validation import validate_schema


def test_the_schema_is_openapi_31_and_valid(example, north):
    answer = north.client().get("/api/schema/")
    assert answer.status_code == 200
    schema = json.loads(answer.content)
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)
    assert set(schema["paths"]) == {
        "/api/v1/letters",
        "/api/v1/people",
        "/api/v1/closed",
        "/api/v1/few",
        "/api/v1/raw",
        "/api/v1/broken/{kind}",
    }
    letters = schema["paths"]["/api/v1/letters"]["post"]
    assert "`leads:write`" in letters["description"]
    assert [p["name"] for p in letters["parameters"]] == ["Idempotency-Key"]
    assert "application/problem+json" in letters["responses"]["default"]["content"]
    assert set(schema["components"]["securitySchemes"]) == {"token", "session"}


def test_the_schema_is_that_of_the_host(example, north, portal):
    assert "/api/v1/letters" in north.client().get("/api/schema/").text
    assert "/api/v1/letters" not in portal.client().get("/api/schema/").text


def test_the_docs_page_loads_nothing_from_elsewhere(example, north):
    page = north.client().get("/api/docs/")
    assert page.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sources
    assert all(source.startswith("/") for source in sources)

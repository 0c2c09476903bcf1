"""The whole API of both hosts describes itself without a doubt, in every language."""

import json

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from kernel.accounts.models import LANGUAGES


@pytest.mark.parametrize("language", [code for code, _name in LANGUAGES])
@pytest.mark.parametrize("tier", ["portal", "dealer"])
def test_the_schema_is_valid_and_made_without_a_warning(wall, portal, north, tier, language, capsys):
    side = {"portal": portal, "dealer": north}[tier]
    GENERATOR_STATS.reset()
    answer = side.client().get("/api/schema/", headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer["Content-Language"] == language
    assert capsys.readouterr().err == ""
    assert not GENERATOR_STATS
    schema = json.loads(answer.content)
    validate_schema(schema)
    names = set(schema["components"]["schemas"])
    assert {"portal": {"LeadStateEnum"}, "dealer": {"DealerLeadStateEnum", "JobLineOut", "ClaimLineOut"}}[tier] <= names

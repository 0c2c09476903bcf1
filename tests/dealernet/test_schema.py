"""The whole API of both hosts describes itself without a doubt, in every language."""

import json

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from kernel.accounts.models import LANGUAGES
from kernel.accounts.roles import Role


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


def test_every_choice_that_a_list_offers_is_checked(wall, portal, north):
    """A word that is none of the choices is a 422 that names the parameter, on every list of both hosts."""
    tried = 0
    for side, tier in ((portal, "portal"), (north, "dealership")):
        clients = [side.client(str(role)) for role in Role if role.tier == tier]
        paths = json.loads(side.client().get("/api/schema/").content)["paths"]
        for path, methods in paths.items():
            for parameter in methods.get("get", {}).get("parameters", []):
                if parameter["in"] != "query" or "enum" not in parameter["schema"]:
                    continue
                answers = [client.get(path, {parameter["name"]: "nonsense"}) for client in clients]
                refused = [answer.json() for answer in answers if answer.status_code != 403]
                assert refused, path
                assert {(r["status"], *[e["field"] for e in r["errors"]]) for r in refused} == {
                    (422, parameter["name"])
                }
                tried += 1
    assert tried >= 10

"""The schema that is shipped, and the contract it has to hold."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from miglab.doctor.diagnose import Diagnosis
from miglab.judge.edge import Answer
from miglab.judge.verdict import Verdict, judge
from miglab.report.schema import schema
from tests.histories import history

SHIPPED = Path(__file__).parents[2] / "docs" / "schema" / "verdict-3.json"
CONTRACT = {
    "": "verdict reasons downtime_ms integrity migration load policy budget environment",
    "downtime_ms": "client vcpu libvirt guest disk",
    "downtime_ms.client": "value uncertainty",
    "integrity": "memory disk identity guest_alive clock",
    "integrity.memory": "state detail",
    "migration": "from to total_ms transferred_bytes rounds mode",
    "environment": "acceleration hosts origin",
}


def test_the_shipped_schema_is_the_model_s() -> None:
    """Who changes the verdict sees here that programs may rely on it."""
    remedy = "python -m miglab.report.schema > docs/schema/verdict-3.json"
    assert SHIPPED.read_text() == schema(), remedy


def test_the_shipped_schema_of_an_edge_is_the_model_s() -> None:
    """Likewise, for ``miglab edge``."""
    remedy = "python -m miglab.report.schema edge > docs/schema/edge-1.json"
    assert SHIPPED.with_name("edge-1.json").read_text() == schema("edge"), remedy
    assert Answer.model_fields["schema_version"].default == 1


def test_the_shipped_schema_of_a_diagnosis_is_the_model_s() -> None:
    """Likewise, for ``miglab doctor``."""
    remedy = "python -m miglab.report.schema doctor > docs/schema/doctor-1.json"
    assert SHIPPED.with_name("doctor-1.json").read_text() == schema("doctor"), remedy
    assert Diagnosis.model_fields["schema_version"].default == 1


def test_the_file_is_named_by_the_version() -> None:
    """Another version is another file, beside this one."""
    assert Verdict.model_fields["schema_version"].default == 3


@pytest.mark.parametrize(("place", "keys"), CONTRACT.items())
def test_the_contract_s_keys_are_there(place: str, keys: str) -> None:
    """In the schema as keys that are always there, and in a verdict itself."""
    described: Any = json.loads(SHIPPED.read_text())
    printed: Any = json.loads(judge(history()).model_dump_json(by_alias=True))
    definitions = described["$defs"]
    for name in filter(None, place.split(".")):
        described = definitions[described["properties"][name]["$ref"].rpartition("/")[2]]
        printed = printed[name]
    assert set(keys.split()) <= set(described["required"]) & set(printed)


def test_integrity_has_the_contract_s_three_states() -> None:
    """And no other."""
    finding = json.loads(SHIPPED.read_text())["$defs"]["Finding"]
    assert finding["properties"]["state"]["enum"] == ["intact", "broken", "unknown"]


def test_every_printed_key_is_described() -> None:
    """No key of a verdict, at any depth, is missing in the schema."""

    def keys(model: BaseModel) -> set[str]:
        parts = [getattr(model, name) for name in type(model).model_fields]
        below = [keys(part) for part in parts if isinstance(part, BaseModel)]
        return set(model.model_dump(by_alias=True)).union(*below)

    described = json.loads(SHIPPED.read_text())
    known = set(described["properties"]).union(*map(_properties, described["$defs"].values()))
    assert keys(judge(history())) <= known


def _properties(definition: dict[str, Any]) -> set[str]:
    return set(definition.get("properties", {}))

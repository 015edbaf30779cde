"""The JSON schema of what ``--json`` prints: ``python -m miglab.report.schema [NAME]``.

They are shipped as verdict-3.json, edge-1.json and doctor-1.json in docs/schema: the number is the
``schema_version``.
"""

import json
import sys

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from miglab.doctor.diagnose import Diagnosis
from miglab.judge.edge import Answer
from miglab.judge.verdict import Verdict


class Printed(GenerateJsonSchema):
    """Of what is printed: every key is always there, also one that has a default."""

    def field_is_required(self, *_: object, **__: object) -> bool:
        """Yes."""
        return True


PRINTED: dict[str, type[BaseModel]] = {"verdict": Verdict, "edge": Answer, "doctor": Diagnosis}


def schema(name: str = "verdict") -> str:
    """What a program may rely on in the object that ``--json`` prints, as a JSON schema."""
    generated = PRINTED[name].model_json_schema(mode="serialization", schema_generator=Printed)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | generated, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema(*sys.argv[1:2]))

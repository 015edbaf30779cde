"""The JSON schema of the verdict: ``python -m miglab.report.schema`` prints it.

It is shipped as docs/schema/verdict-2.json; the number is the verdict's ``schema_version``.
"""

import json
import sys

from pydantic.json_schema import GenerateJsonSchema

from miglab.judge.verdict import Verdict


class Printed(GenerateJsonSchema):
    """Of what is printed: every key is always there, also one that has a default."""

    def field_is_required(self, *_: object, **__: object) -> bool:
        """Yes."""
        return True


def schema() -> str:
    """What a program may rely on in the object that ``--json`` prints, as a JSON schema."""
    generated = Verdict.model_json_schema(mode="serialization", schema_generator=Printed)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | generated, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())

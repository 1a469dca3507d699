"""`python -m serving.document`: writes the API's OpenAPI document, which is kept beside this file."""

from __future__ import annotations

import json
from pathlib import Path

from serving.app import create_app
from serving.scorer import Scorer
from serving.service import Service
from serving.settings import Settings

FILE = Path(__file__).with_name("openapi.json")


def document_text() -> str:
    """The document as it is kept: the same for every set of models and data."""
    app = create_app(Service(Scorer({}), None, Settings()))
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(document_text(), encoding="utf-8")
    print(f"written: {FILE}")

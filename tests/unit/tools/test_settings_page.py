"""docs/settings.md: as it would be written today, each setting explained, each example one that is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bootstrap.settings import Settings, load
from tools.settings_page import PAGE, example, page

SCHEMA = Settings.model_json_schema()
MODELS = {"Settings": SCHEMA, **SCHEMA["$defs"]}


def test_the_page_is_as_it_would_be_written_today() -> None:
    assert PAGE.read_text() == page(), "make docs"


@pytest.mark.parametrize("name", MODELS)
def test_each_setting_is_explained_with_an_example(name: str) -> None:
    assert MODELS[name]["description"]
    for field in MODELS[name]["properties"].values():
        holds_settings = "$ref" in str(field)
        assert holds_settings or (field["description"] and field["examples"])


def test_the_file_of_all_examples_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "bootstrap.yaml"
    file.write_text(page().partition("```yaml\n")[2].partition("```")[0])
    assert yaml.safe_load(file.read_text()) == example(SCHEMA)
    assert load(file, {}, {}).volume_size_gb == example(SCHEMA)["volume_size_gb"]

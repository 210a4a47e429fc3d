"""The example of the settings lists them all, as they are."""

import re
from pathlib import Path

from counterfoil.foundation.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_the_example_lists_every_setting_with_its_line_and_default() -> None:
    listed = re.findall(r"^# (.+)\n#? ?([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    described = [(field.description, name.upper(), str(field.default)) for name, field in Settings.model_fields.items()]
    assert listed == described

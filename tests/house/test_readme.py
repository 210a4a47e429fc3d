"""The README promises only what is there."""

import re
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from counterfoil.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z0-9-]+)", README))
    assert named
    assert named <= targets


def test_every_command_that_is_named_exists_and_every_command_is_named() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    commands = set(group.commands)
    named = set(re.findall(r"counterfoil ([a-z0-9]+)", README))
    assert commands <= named
    assert set(re.findall(r"\.venv/bin/counterfoil ([a-z0-9]+)", README)) <= commands


def test_every_link_to_a_file_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())]
    assert links
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []

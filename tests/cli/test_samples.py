"""The command that draws samples, as a person types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from counterfoil.cli import app
from counterfoil.samples.drawing import TRUTH, FolderNotEmpty

FAST = ("--count", "2", "--forms", "ubl", "--forms", "cii")


def run(*arguments: str) -> str:
    answer = CliRunner().invoke(app, ["samples", *arguments], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_samples_are_drawn_and_the_next_command_is_named(tmp_path: Path) -> None:
    said = run(str(tmp_path / "out"), *FAST, "--kinds", "credit-note")
    assert len(list((tmp_path / "out").glob("*-credit-note-*.xml"))) == 2
    assert "counterfoil evaluate" in said
    assert TRUTH in "".join(said.split())


def test_the_same_seed_draws_the_same_and_another_one_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        run(str(tmp_path / name), *FAST, "--seed", seed)
    once, again, other = ((tmp_path / name / TRUTH).read_bytes() for name in "abc")
    assert once == again != other


def test_a_folder_in_use_is_refused_and_force_overrules(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty, match="There are files in"):
        run(str(tmp_path), *FAST)
    run(str(tmp_path), *FAST, "--force")
    assert (tmp_path / TRUTH).exists()


def test_a_kind_that_nobody_knows_is_refused_with_those_there_are(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["samples", str(tmp_path / "out"), "--kinds", "ransom-note"])
    assert answer.exit_code == 2
    assert "long-invoice" in answer.output
    assert not (tmp_path / "out").exists()

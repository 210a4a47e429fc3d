"""Settings need nothing, and a wrong one is named in one line."""

from pathlib import Path

import pytest

from counterfoil.foundation.settings import InvalidSettings, read_settings


def test_nothing_has_to_be_set() -> None:
    settings = read_settings(_env_file=None)
    assert settings.database == "sqlite:///data/counterfoil.db"
    assert settings.queues[0] == "default"


def test_the_database_lies_in_the_data_folder_unless_it_is_named(tmp_path: Path) -> None:
    assert read_settings(_env_file=None, data_dir=tmp_path).database == f"sqlite:///{tmp_path}/counterfoil.db"
    named = read_settings(_env_file=None, data_dir=tmp_path, database_url="postgresql://h/d")
    assert named.database == "postgresql://h/d"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("worker_concurrency", 0),
        ("worker_queues", " , "),
        ("sure_above", 1.5),
        ("deliver", "sometimes"),
        ("max_upload_bytes", "much"),
        ("log_level", "LOUD"),
        ("database_pool_max", 1),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(name: str, value: object) -> None:
    with pytest.raises(InvalidSettings) as caught:
        read_settings(_env_file=None, **{name: value})
    line = str(caught.value)
    assert line.startswith(f"{name.upper()}={value}: ")
    assert "\n" not in line


def test_a_wrong_url_is_named_without_the_password_in_it() -> None:
    with pytest.raises(InvalidSettings, match="DATABASE_URL=…: it begins with") as caught:
        read_settings(_env_file=None, database_url="mysql://somebody:secret@host/name")
    assert "secret" not in str(caught.value)


def test_databases_of_targets_are_named_and_their_passwords_stay_out_of_errors() -> None:
    assert read_settings(_env_file=None).sql_target_urls == {}
    both = "books=postgresql://u:p@one,two/books?options=a , old-books=sqlite:///old.db"
    assert read_settings(_env_file=None, sql_targets=both).sql_target_urls == {
        "books": "postgresql://u:p@one,two/books?options=a",
        "old-books": "sqlite:///old.db",
    }
    with pytest.raises(InvalidSettings, match="SQL_TARGETS=…: it is name=URL") as caught:
        read_settings(_env_file=None, sql_targets="postgresql://u:secret@host/books")
    assert "secret" not in str(caught.value)

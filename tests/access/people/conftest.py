"""The premises that people come to."""

from collections.abc import Iterator

import pytest

from counterfoil.foundation.database import Database
from tests.support.people import Premises


@pytest.fixture
def premises(database: Database) -> Iterator[Premises]:
    premises = Premises.at(database.url)
    yield premises
    premises.database.close()

"""A column that the rules cannot tell, on its way past a model: proposed, looked at, put by a person, and written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil import bootstrap
from tests.support.access import WORKSPACE
from tests.support.house import Visitor, build, settings_for, visiting
from tests.support.models.base import KEY, Fault, Provider
from tests.support.models.openai import OpenAI
from tests.support.waiting import wait_until

ANSWER = {
    "proposals": [
        {
            "property": "p1",
            "kind": "lookup",
            "path": "kind",
            "paths": [],
            "separator": "comma",
            "value": "",
            "cases": [{"value": "receipt", "gives": "Paid at once"}, {"value": "invoice", "gives": "On account"}],
            "reason": "How it was bought follows from the kind of document.",
        }
    ]
}


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = OpenAI(ANSWER, asked_for={"proposals"}, shown=False)
    with provider.serving():
        yield provider


def put(visitor: Visitor, path: str, content: Any) -> Any:
    answer = visitor.http.put(f"/api/v1{path}", json=content)
    assert answer.is_success, answer.text
    return answer.json()


def with_odd_column(visitor: Visitor) -> str:
    """Return the path of a new ledger that has one column of which the rules know nothing."""
    ledger = f"/targets/{visitor.post('/targets', {'kind': 'ledger', 'name': 'Office'})['id']}"
    read = visitor.get(f"{ledger}/schema")
    names = ("id", "name", "type", "options", "open_options")
    kept = [{name: one[name] for name in names} for one in read["properties"]]
    odd = {"name": "Erwerbsart", "type": "select", "options": ["Paid at once", "On account"]}
    put(visitor, f"{ledger}/columns", {"schema_version": read["version"], "columns": [*kept, odd]})
    return ledger


def test_what_a_model_proposes_is_written_once_a_person_has_put_it(tmp_path: Path, provider: Provider) -> None:
    settings = settings_for(
        tmp_path, model=provider.setting, model_base_url=provider.base_url, model_api_key=KEY, deliver="always"
    )
    house = build(settings)
    with visiting(house) as visitor, bootstrap.working(house):
        ledger = with_odd_column(visitor)
        assert provider.asked == []
        proposal = visitor.post(f"{ledger}/plan/propose")
        assert (provider.complaints, proposal["problem"]) == ([], None)
        odd = proposal["entries"][-1]
        assert (odd["expression"]["kind"], odd["score"]) == ("lookup", 0.7)
        assert odd["reason"] == "A model proposed it: “How it was bought follows from the kind of document.”"
        (call,) = visitor.get("/model-calls")["items"]
        assert (call["purpose"], call["state"]) == ("planning", "answered")
        assert visitor.neighbour.get("/model-calls")["items"] == []
        assert visitor.get(f"{ledger}/plan")["version"] == proposal["version"] == 1

        entries = [{name: one[name] for name in ("property_id", "expression")} for one in proposal["entries"]]
        plan = put(visitor, f"{ledger}/plan", {"version": proposal["version"], "entries": entries})
        assert (plan["version"], plan["made_by"]) == (2, "person")
        visitor.read("invoice-facturx.pdf", target_id=ledger.removeprefix("/targets/"))
        wait_until(lambda: bool(visitor.get(f"{ledger}/rows")["items"]), seconds=60)
        (row,) = visitor.get(f"{ledger}/rows")["items"]
        assert row["values"]["Erwerbsart"] == "On account"
        assert len(provider.asked) == 1
    house.database.close()


def test_a_neighbour_gets_no_proposal_and_a_provider_that_is_down_leaves_the_rules_plan(
    tmp_path: Path, provider: Provider
) -> None:
    provider.faults.append(Fault.BROKEN)
    settings = settings_for(tmp_path, model=provider.setting, model_base_url=provider.base_url, model_api_key=KEY)
    house = build(settings)
    with visiting(house) as visitor:
        ledger = with_odd_column(visitor)
        neighbours = {WORKSPACE: str(visitor.neighbour.workspace)}
        answer = visitor.http.post(f"/api/v1{ledger}/plan/propose", headers=neighbours)
        assert (answer.status_code, answer.json()["code"]) == (404, "target_not_found")
        proposal = visitor.post(f"{ledger}/plan/propose")
        assert proposal["problem"] == "No model helped: its provider could not answer."
        assert proposal["entries"][-1]["expression"] == {"kind": "nothing"}
        assert KEY not in str(proposal)
    house.database.close()

"""A call is written down before it is made, paid once, bounded where nobody knows how it went, within its budget."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256
from counterfoil.extraction.model.answer import Answer
from counterfoil.extraction.model.domain import (
    MOST_UNCERTAIN,
    AnswerUnusable,
    AskedInVain,
    BudgetSpent,
    CallState,
    CallUnderWay,
    Fault,
    ModelCall,
    ModelRejected,
    ModelSilent,
    ModelUnavailable,
    ModelUnreachable,
    Purpose,
    TooManyCalls,
)
from counterfoil.extraction.model.prompt import READING
from counterfoil.foundation.database import Database
from counterfoil.foundation.failpoints import InjectedFault, armed
from counterfoil.jobs.limits.domain import BreakerOpen, BreakerRules, Period, Rate, RateLimited
from tests.support.models.scripted import COST, MOST, TOKENS, Asker
from tests.support.readings import SHA256
from tests.support.waiting import wait_until

MODEL = "openai:gpt-4o"
ROOT = Path(__file__).parents[3]


def sha(number: int) -> Sha256:
    return Sha256(f"{number:064x}")


@pytest.fixture
def asker(database: Database) -> Asker:
    return Asker(database=database)


def test_an_answer_is_kept_with_what_it_took(asker: Asker, workspace: WorkspaceId) -> None:
    answer, use = asker.ask(workspace)
    assert (answer.total, use.cost, use.kept) == ("10.70", COST, False)
    (call,) = asker.book(workspace)
    assert (call.state, call.fault, call.tokens, call.cost) == (CallState.ANSWERED, None, TOKENS, COST)
    assert call.answer is not None
    assert call.answer["total"] == "10.70"
    assert call.ended_at is not None
    assert call.begun_at <= call.ended_at


def test_the_same_bytes_are_never_paid_twice(asker: Asker, workspace: WorkspaceId) -> None:
    first, _ = asker.ask(workspace)
    again, use = asker.ask(workspace)
    assert (again, use.kept, use.cost) == (first, True, COST)
    assert (asker.client.asked, len(asker.book(workspace))) == (1, 1)


def test_another_model_prompt_document_or_workspace_is_another_question(
    asker: Asker, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    asker.ask(workspace)
    asker.ask(workspace, sha(1))
    asker.ask(other_workspace)
    asker.prompt_version = "2"
    asker.ask(workspace)
    asker.client.name = "google:gemini-2.5-flash"
    asker.ask(workspace)
    assert asker.client.asked == 5
    assert len(asker.book(workspace)) == 4
    assert [call.workspace for call in asker.book(other_workspace)] == [other_workspace]


def test_the_same_bytes_shown_for_another_purpose_are_another_question(asker: Asker, workspace: WorkspaceId) -> None:
    asker.ask(workspace)
    for _ in range(2):
        asker.asking.ask(workspace, SHA256, replace(READING, purpose=Purpose.PLANNING))
    assert asker.client.asked == 2
    assert [call.purpose for call in asker.book(workspace)] == [Purpose.READING, Purpose.PLANNING]


def test_the_book_has_the_call_before_it_is_made_with_the_most_it_may_cost(
    asker: Asker, workspace: WorkspaceId
) -> None:
    seen: list[ModelCall] = []
    asker.client.meanwhile = lambda: seen.extend(asker.book(workspace))
    asker.ask(workspace)
    assert [(call.state, call.cost) for call in seen] == [(CallState.BEGUN, MOST)]


@pytest.mark.parametrize("fault", [Fault.WRONG_TYPE, Fault.TRUNCATED])
def test_an_answer_that_cannot_be_used_is_asked_for_once_more(
    asker: Asker, workspace: WorkspaceId, fault: Fault
) -> None:
    asker.client.said = [AnswerUnusable(fault, TOKENS)]
    answer, _ = asker.ask(workspace)
    assert answer.total == "10.70"
    assert [(call.state, call.fault, call.cost) for call in asker.book(workspace)] == [
        (CallState.FAILED, fault, COST),
        (CallState.ANSWERED, None, COST),
    ]


def test_two_answers_that_cannot_be_used_are_enough_for_good(asker: Asker, workspace: WorkspaceId) -> None:
    asker.client.said = [AnswerUnusable(Fault.WRONG_TYPE, TOKENS), AnswerUnusable(Fault.TRUNCATED, TOKENS)]
    for _ in range(2):
        with pytest.raises(AskedInVain):
            asker.ask(workspace)
    assert asker.client.asked == 2


def test_a_model_that_refuses_is_not_asked_again(asker: Asker, workspace: WorkspaceId) -> None:
    asker.client.said = [AnswerUnusable(Fault.REFUSED, TOKENS)]
    for _ in range(2):
        with pytest.raises(AskedInVain, match="refused"):
            asker.ask(workspace)
    assert asker.client.asked == 1
    assert [call.cost for call in asker.book(workspace)] == [COST]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ModelUnavailable(MODEL, 500), Fault.UNAVAILABLE),
        (ModelUnreachable(MODEL), Fault.UNREACHABLE),
        (ModelRejected("the key was refused"), Fault.REJECTED),
    ],
)
def test_what_gave_no_answer_for_sure_costs_nothing_and_may_be_asked_again(
    asker: Asker, workspace: WorkspaceId, error: Exception, fault: Fault
) -> None:
    asker.client.said = [error] * 4
    for _ in range(4):
        with pytest.raises(type(error)):
            asker.ask(workspace)
    assert {(call.state, call.fault, call.cost) for call in asker.book(workspace)} == {
        (CallState.FAILED, fault, Decimal(0))
    }
    assert asker.ask(workspace)[0].total == "10.70"


def test_a_call_of_unknown_outcome_is_counted_with_the_most_it_may_cost_and_bounded(
    asker: Asker, workspace: WorkspaceId
) -> None:
    asker.client.said = [ModelSilent(MODEL)] * 9
    for _ in range(MOST_UNCERTAIN):
        with pytest.raises(ModelSilent):
            asker.ask(workspace)
    with pytest.raises(AskedInVain):
        asker.ask(workspace)
    assert asker.client.asked == MOST_UNCERTAIN
    assert {(call.state, call.cost) for call in asker.book(workspace)} == {(CallState.UNCERTAIN, MOST)}


@pytest.mark.parametrize(("place", "asked"), [("model.recorded", 0), ("model.answered", 1)])
def test_a_process_that_dies_with_a_call_leaves_it_uncertain_once_no_call_lasts_so_long(
    asker: Asker, workspace: WorkspaceId, place: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with armed(f"{place}=raise"), pytest.raises(InjectedFault):
        asker.ask(workspace)
    assert asker.client.asked == asked
    (begun,) = asker.book(workspace)
    assert begun.state is CallState.BEGUN
    with pytest.raises(CallUnderWay) as caught:
        asker.ask(workspace)
    assert caught.value.retry_at > begun.begun_at + asker.timeout
    monkeypatch.setattr("counterfoil.extraction.model.asking.AFTERWARDS", timedelta(0))
    asker.timeout = timedelta(0)
    assert asker.ask(workspace)[0].total == "10.70"
    assert [(call.state, call.fault) for call in asker.book(workspace)] == [
        (CallState.UNCERTAIN, Fault.DIED),
        (CallState.ANSWERED, None),
    ]
    assert asker.client.asked == asked + 1


def test_what_a_day_may_cost_is_not_passed(asker: Asker, workspace: WorkspaceId, other_workspace: WorkspaceId) -> None:
    asker.daily = MOST + COST
    asker.ask(workspace, sha(1))
    asker.ask(workspace, sha(2))
    with pytest.raises(BudgetSpent):
        asker.ask(workspace, sha(3))
    assert asker.ask(workspace, sha(1))[1].kept
    asker.ask(other_workspace, sha(3))
    assert asker.client.asked == 3


def test_without_a_limit_any_amount_may_be_spent(asker: Asker, workspace: WorkspaceId) -> None:
    asker.daily = Decimal(0)
    for number in range(3):
        asker.ask(workspace, sha(number))
    assert asker.client.asked == 3


def test_workers_that_ask_at_once_do_not_pass_the_limit_together(asker: Asker, workspace: WorkspaceId) -> None:
    """Each of four would fit alone; what the first sets aside keeps the others out while it is under way."""
    asker.daily = MOST * Decimal("1.5")
    refused: list[int] = []
    asker.client.meanwhile = lambda: wait_until(lambda: len(refused) == 3)
    start = Barrier(4)

    def ask(number: int) -> None:
        start.wait()
        try:
            asker.ask(workspace, sha(number))
        except BudgetSpent:
            refused.append(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    assert (asker.client.asked, len(refused), len(asker.book(workspace))) == (1, 3, 1)


def test_of_workers_that_ask_the_same_one_calls(asker: Asker, workspace: WorkspaceId) -> None:
    waiting: list[int] = []
    asker.client.meanwhile = lambda: wait_until(lambda: len(waiting) == 2)
    start = Barrier(3)

    def ask(number: int) -> None:
        start.wait()
        try:
            asker.ask(workspace)
        except CallUnderWay:
            waiting.append(number)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ask, range(3)))
    assert (asker.client.asked, len(waiting)) == (1, 2)
    assert asker.ask(workspace)[1].kept


@pytest.mark.parametrize("seconds", [7.0, None])
def test_a_busy_provider_is_left_alone_by_all_for_as_long_as_it_wants(
    asker: Asker, workspace: WorkspaceId, other_workspace: WorkspaceId, seconds: float | None
) -> None:
    asker.client.said = [TooManyCalls(seconds)]
    for number in range(2):
        with pytest.raises(RateLimited) as caught:
            asker.ask(workspace, sha(number))
        ahead = (caught.value.retry_at - asker.book(workspace)[0].begun_at).total_seconds()
        assert (seconds or 30) <= ahead < (seconds or 30) + 20
    assert [(call.state, call.fault, call.cost) for call in asker.book(workspace)] == [
        (CallState.FAILED, Fault.BUSY, Decimal(0))
    ]
    asker.ask(other_workspace)
    assert asker.client.asked == 2


def test_calls_come_no_more_often_than_is_allowed(asker: Asker, workspace: WorkspaceId) -> None:
    asker.rate = Rate(count=2, period=Period.HOUR, burst=2)
    asker.ask(workspace, sha(1))
    asker.ask(workspace, sha(2))
    with pytest.raises(RateLimited):
        asker.ask(workspace, sha(3))
    assert asker.ask(workspace, sha(1))[1].kept


def test_a_provider_that_fails_in_a_row_is_left_alone_and_leaves_no_calls(asker: Asker, workspace: WorkspaceId) -> None:
    asker.rules = BreakerRules(failures=2)
    asker.client.said = [ModelUnavailable(MODEL, 500), ModelSilent(MODEL)]
    for kind in (ModelUnavailable, ModelSilent):
        with pytest.raises(kind):
            asker.ask(workspace)
    with pytest.raises(BreakerOpen):
        asker.ask(workspace)
    assert (asker.client.asked, len(asker.book(workspace))) == (2, 2)


def test_a_provider_that_answers_badly_is_not_down(asker: Asker, workspace: WorkspaceId) -> None:
    asker.rules = BreakerRules(failures=2)
    asker.client.said = [
        ModelUnavailable(MODEL, 500),
        ModelRejected("the key was refused"),
        ModelUnavailable(MODEL, 500),
        AnswerUnusable(Fault.REFUSED, TOKENS),
    ]
    for kind in (ModelUnavailable, ModelRejected, ModelUnavailable, AskedInVain):
        with pytest.raises(kind):
            asker.ask(workspace)
    assert asker.ask(workspace, sha(1))[0].total == "10.70"


def test_a_process_that_is_killed_before_it_asks_leaves_its_call_to_the_next(
    asker: Asker, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = asker.database.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "FAILPOINTS": "model.recorded=kill"}
    command = [sys.executable, "-m", "tests.support.models.scripted", url, str(workspace)]
    ended = subprocess.run(command, env=environment, cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [(call.state, call.cost) for call in asker.book(workspace)] == [(CallState.BEGUN, MOST)]
    monkeypatch.setattr("counterfoil.extraction.model.asking.AFTERWARDS", timedelta(0))
    asker.timeout = timedelta(0)
    asker.ask(workspace)
    assert [call.state for call in asker.book(workspace)] == [CallState.UNCERTAIN, CallState.ANSWERED]


def test_no_transaction_is_open_while_a_model_is_asked(asker: Asker, workspace: WorkspaceId) -> None:
    """On SQLite there is one write lock, and on PostgreSQL one lock for who adds up: both can be had meanwhile."""
    done: list[Callable[[], object]] = []

    def write() -> None:
        if not done:
            done.append(write)
            asker.client.answer = Answer(total="1.00")
            asker.ask(workspace, sha(9))

    asker.client.meanwhile = write
    asker.ask(workspace)
    assert len(asker.book(workspace)) == 2

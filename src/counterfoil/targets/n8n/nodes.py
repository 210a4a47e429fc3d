"""What workflows are put together from: nodes, the credentials they name, and their connections."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid5

from counterfoil.targets.n8n.kinds import CODE, WEBHOOK, Kind

Json: TypeAlias = dict[str, Any]

_IDS: Final = UUID("6f0b1f0e-5d0a-5c55-9b57-0c0e8a1f6a31")


@dataclass(frozen=True, slots=True)
class Credential:
    """What n8n keeps for us under a name. Its id is ours, so that an import finds it without a click."""

    type: str
    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step of a workflow, with where each of its outputs leads. What fails goes to `on_error`, or ends the run."""

    name: str
    kind: Kind
    position: tuple[int, int]
    parameters: Json = field(default_factory=dict)
    credential: Credential | None = None
    tries: int = 1
    seconds_between: int = 0
    to: Sequence[str] = ()
    on_error: str | None = None
    model_of: str | None = None


def source(name: str) -> str:
    """Return the text of a source: code, a prompt, an expression."""
    return resources.files(__package__).joinpath("sources", name).read_text(encoding="utf-8").rstrip("\n")


def expression(text: str) -> str:
    """Return what n8n is to compute."""
    return "={{ " + text + " }}"


def code(name: str) -> Json:
    """Return the parameters of a node that runs a source."""
    return {"mode": "runOnceForAllItems", "jsCode": source(name)}


def code_node(name: str, file: str, position: tuple[int, int], to: str, on_error: str | None = None) -> Node:
    """Return a node that runs a source."""
    return Node(name=name, kind=CODE, position=position, parameters=code(file), to=[to], on_error=on_error)


def assignments(values: Mapping[str, str]) -> Json:
    """Return the parameters of a node that sets these values."""
    several = [
        {"id": str(uuid5(_IDS, name)), "name": name, "value": value, "type": "string"} for name, value in values.items()
    ]
    return {
        "mode": "manual",
        "includeOtherFields": False,
        "assignments": {"assignments": several},
        "options": {},
    }


def assemble(identity: str, name: str, nodes: Sequence[Node], *, seconds: int) -> Json:
    """Return the workflow as n8n imports it: switched off, and ended when it has run for so long."""
    return {
        "id": identity,
        "name": name,
        "nodes": [_node(identity, node) for node in nodes],
        "connections": {node.name: connected for node in nodes if (connected := _connections(node))},
        "pinData": {},
        "active": False,
        "settings": {
            "executionOrder": "v1",
            "saveDataSuccessExecution": "none",
            "saveDataErrorExecution": "all",
            "saveManualExecutions": False,
            "executionTimeout": seconds,
        },
        "meta": {"templateCredsSetupCompleted": False},
        "tags": [],
    }


def written(workflow: Json) -> str:
    """Return a workflow as it stands in a file."""
    return json.dumps(workflow, indent=2, ensure_ascii=False) + "\n"


def _node(workflow: str, node: Node) -> Json:
    head = {
        "parameters": node.parameters,
        "id": str(uuid5(_IDS, f"{workflow}/{node.name}")),
        "name": node.name,
        "type": node.kind.type,
        "typeVersion": node.kind.version,
        "position": list(node.position),
    }
    if node.kind == WEBHOOK:  # without one, n8n puts more before its path
        head["webhookId"] = str(uuid5(_IDS, f"{workflow}/{node.name}/webhook"))
    if node.credential:
        head["credentials"] = {node.credential.type: {"id": node.credential.id, "name": node.credential.name}}
    if node.tries > 1:
        head |= {"retryOnFail": True, "maxTries": node.tries, "waitBetweenTries": node.seconds_between * 1000}
    if node.on_error:
        head["onError"] = "continueErrorOutput"
    return head


def _connections(node: Node) -> Json:
    if node.model_of:
        return {"ai_languageModel": [_ends("ai_languageModel", [node.model_of])]}
    outputs = [[name] if name else [] for name in node.to] + ([[node.on_error]] if node.on_error else [])
    return {"main": [_ends("main", output) for output in outputs]} if outputs else {}


def _ends(way: str, names: Sequence[str]) -> Sequence[Json]:
    return [{"node": name, "type": way, "index": 0} for name in names]

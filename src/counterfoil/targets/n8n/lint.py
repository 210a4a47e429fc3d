"""Looks a workflow over before n8n gets it, which imports and publishes also what cannot run, or gives a token away.

Some rules hold for every workflow; those about jobs hold for workflows that speak with Notion or answer a webhook.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from counterfoil.targets.n8n.kinds import (
    HTTP_REQUEST,
    KNOWN,
    RESPOND,
    STICKY_NOTE,
    WEBHOOK,
    Kind,
)
from counterfoil.targets.n8n.nodes import Json

MARKER: Final = "`Counterfoil ${job.job_id}`"
_NAMED: Final = re.compile(r"""\$\(\s*(['"])(.+?)\1\s*\)""")
_EXPRESSION: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_ENVIRONMENT: Final = re.compile(r"\$(?:env|vars)\b")
_SECRET: Final = re.compile(r"\b(?:sk|ntn|secret|pat|xox[abp])[-_][A-Za-z0-9_-]{8,}|\bBearer\s+[A-Za-z0-9._-]{8,}")
_SECRET_HEADER: Final = re.compile(r"authorization|api-?key|token|cookie", re.IGNORECASE)
# Of an item that failed, its own message and description may be told; the rest holds the request with its headers.
_WHOLE_ITEM: Final = re.compile(
    r"\$json(?!\s*\??\.)(?![\w$])"
    r"|(?<!String\()\$json\s*\??\.\s*error\b(?!\s*\??\.\s*(?:message|description)\b)"
    r"|\$input\b"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a workflow: a code that stays the same, and a sentence."""

    code: str
    sentence: str


class _Strict(BaseModel):
    """A part of a workflow in which values have to be of their type already."""

    model_config = ConfigDict(strict=True)


class _End(_Strict):
    """Where a connection leads."""

    node: str


class _Header(_Strict):
    """A header that a node sends."""

    name: str = ""


class _Headers(_Strict):
    """The headers that a node sends."""

    parameters: list[_Header] = []


class _Parameters(_Strict):
    """What a node is told, as far as the rules take it apart."""

    headerParameters: _Headers | None = None  # noqa: N815 - n8n calls it so


class _Node(_Strict):
    """A node, as far as the rules take it apart."""

    name: str
    type: str
    typeVersion: float = 1  # noqa: N815
    parameters: _Parameters
    credentials: dict[str, dict[str, Any]] = {}


class _Workflow(_Strict):
    """A workflow, as far as the rules take it apart."""

    nodes: Annotated[list[_Node], Field(min_length=1)]
    connections: dict[str, dict[str, list[list[_End] | None]]]
    settings: dict[str, Any] = {}


class Flow:
    """A workflow, as the rules look at it."""

    def __init__(self, content: Json) -> None:
        self.content = content
        self.nodes: list[Json] = [node for node in content["nodes"] if kind_of(node) != STICKY_NOTE]
        self.by_name: dict[str, Json] = {node["name"]: node for node in self.nodes}

    def of_type(self, kind: Kind) -> list[Json]:
        return [node for node in self.nodes if node["type"] == kind.type]

    @property
    def to_notion(self) -> list[Json]:
        """The nodes that speak with Notion, by their credential or by their address."""
        return [
            node
            for node in self.of_type(HTTP_REQUEST)
            if node["parameters"].get("nodeCredentialType") == "notionApi"
            or "notion" in str(node["parameters"].get("url")).lower()
        ]

    @property
    def reports(self) -> list[Json]:
        """The nodes that call back."""
        return [node for node in self.of_type(HTTP_REQUEST) if "callback_url" in str(node["parameters"].get("url"))]

    @property
    def has_jobs(self) -> bool:
        return bool(self.to_notion or self.reports or self.of_type(WEBHOOK))

    def ends(self, name: str) -> list[list[str]]:
        """Return where each output of a node leads."""
        outputs = self.content["connections"].get(name, {}).get("main", [])
        return [[end["node"] for end in output or []] for output in outputs]

    def leads_to(self, name: str, *, failed: bool = False) -> list[str]:
        """Return where a node leads when it has failed, or when it has not."""
        outputs = self.ends(name)
        error = self.by_name.get(name, {}).get("onError") == "continueErrorOutput" and len(outputs) > 1
        chosen = (outputs[-1:] if error else []) if failed else (outputs[:-1] if error else outputs)
        return [end for output in chosen for end in output]

    @property
    def working(self) -> list[Json]:
        """The nodes that run once a job is accepted, without those that report."""
        reports = {node["name"] for node in self.reports}
        waiting = [end for node in self.of_type(RESPOND) for end in self.leads_to(node["name"])]
        found: dict[str, Json] = {}
        while waiting:
            name = waiting.pop()
            if name in self.by_name and name not in reports and name not in found:
                found[name] = self.by_name[name]
                waiting.extend(self.leads_to(name))
        return list(found.values())


Rule = Callable[[Flow], Iterator[Finding]]


def lint(text: str) -> Sequence[Finding]:
    """Return what is wrong with a workflow as it stands in a file."""
    try:
        content = json.loads(text)
    except ValueError as error:
        return [Finding("not_json", f"It is no JSON: {error}.")]
    try:
        _Workflow.model_validate(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
        return [Finding("not_a_workflow", f"It is no workflow: look at {where}.")]
    flow = Flow(content)
    rules = (*GENERAL, *(OF_JOBS if flow.has_jobs else ()))
    return [finding for rule in rules for finding in rule(flow)]


def kind_of(node: Json) -> Kind:
    """Return what kind of node it is."""
    return Kind(node["type"], node.get("typeVersion", 1))


def _unique_names(flow: Flow) -> Iterator[Finding]:
    for key in ("name", "id"):
        counted = Counter(node.get(key) for node in flow.content["nodes"])
        for value, number in counted.items():
            if number > 1:
                yield Finding(f"{key}_twice", f"{number} nodes have the {key} {value}.")


def _connected_nodes(flow: Flow) -> Iterator[Finding]:
    for start, ways in flow.content["connections"].items():
        ends = [end["node"] for outputs in ways.values() for output in outputs for end in output or []]
        for name in [start, *ends]:
            if name not in flow.by_name:
                yield Finding("connection_to_nothing", f"A connection of {start} names {name}, which is not there.")


def _named_nodes(flow: Flow) -> Iterator[Finding]:
    for node, text in _texts(flow):
        for _, name in _NAMED.findall(text):
            if name not in flow.by_name:
                yield Finding("unknown_node", f"{node['name']} reads of {name}, which is not there.")


def _known_kinds(flow: Flow) -> Iterator[Finding]:
    for node in flow.nodes:
        if (kind := kind_of(node)) not in KNOWN:
            words = f"{node['name']} is a {kind.type} of version {kind.version:g}, which we have not seen run"
            yield Finding("unknown_kind", f"{words}; n8n imports and publishes also what it does not know.")


def _no_environment(flow: Flow) -> Iterator[Finding]:
    for node, text in _texts(flow):
        if _ENVIRONMENT.search(text):
            yield Finding(
                "environment_read", f"{node['name']} reads $env or $vars, which n8n refuses before any failure is told."
            )


def _whole_expressions(flow: Flow) -> Iterator[Finding]:
    for node, text in _texts(flow):
        cut = [inner for inner in _EXPRESSION.findall(text) if inner.count("{") != inner.count("}")]
        if text.startswith("=") and (cut or text.count("{{") > len(_EXPRESSION.findall(text))):
            yield Finding("expression_cut", f"An expression of {node['name']} ends early, at the first }}}}.")


def _no_secrets(flow: Flow) -> Iterator[Finding]:
    for node in flow.content["nodes"]:
        if any(map(_SECRET.search, _strings(node["parameters"]))):
            yield Finding("secret_inside", f"{node['name']} holds what looks like a secret; use a credential.")
    for node in flow.nodes:
        for header in _headers(node):
            if _SECRET_HEADER.search(str(header.get("name"))):
                yield Finding("secret_inside", f"{node['name']} sends the header {header['name']} by itself.")
    if flow.content.get("pinData"):
        yield Finding("data_pinned", "It holds data of a run (pinData), such as somebody's receipt.")


def _named_credentials(flow: Flow) -> Iterator[Finding]:
    for node in flow.nodes:
        for credential in node.get("credentials", {}).values():
            if set(credential) != {"id", "name"}:
                yield Finding("credential_inside", f"{node['name']} holds more of a credential than its id and name.")


def _switched_off(flow: Flow) -> Iterator[Finding]:
    if flow.content.get("active") is not False:
        yield Finding("active", "It is switched on, so it would run before its credentials are there.")


def _bounded(flow: Flow) -> Iterator[Finding]:
    seconds = flow.content.get("settings", {}).get("executionTimeout")
    if not isinstance(seconds, int) or seconds <= 0:
        yield Finding("no_timeout", "It has no executionTimeout, so a run that hangs never ends.")


def _one_webhook(flow: Flow) -> Iterator[Finding]:
    webhooks = flow.of_type(WEBHOOK)
    if len(webhooks) != 1:
        yield Finding("webhooks", f"It has {len(webhooks)} webhooks; jobs come to one.")
    for node in webhooks:
        if node["parameters"].get("httpMethod") != "POST":
            yield Finding("webhook_not_post", f"{node['name']} does not take POST, by which jobs come.")
        if node["parameters"].get("authentication") != "headerAuth" or "httpHeaderAuth" not in node.get(
            "credentials", {}
        ):
            yield Finding("webhook_open", f"{node['name']} lets in everybody; it has to ask for the header of a key.")
    if not flow.of_type(RESPOND):
        yield Finding("not_accepted", "Nothing answers that a job is accepted (Respond to Webhook).")


def _notion_version(flow: Flow) -> Iterator[Finding]:
    if not flow.to_notion:
        yield Finding("no_notion", "No node speaks with Notion.")
    for node in flow.to_notion:
        if [header.get("name") for header in _headers(node)].count("Notion-Version") != 1:
            yield Finding(
                "notion_version_missing", f"{node['name']} does not say which version of Notion's API it means."
            )
        options = node["parameters"].get("options")
        if not isinstance(options, dict) or options.get("lowercaseHeaders") is not False:
            words = f"{node['name']} writes headers in small letters, and n8n then sends another Notion-Version"
            yield Finding("notion_version_replaced", f"{words}; set its option lowercaseHeaders to false.")


def _escaped_database(flow: Flow) -> Iterator[Finding]:
    for node in flow.to_notion:
        for inner in _EXPRESSION.findall(str(node["parameters"].get("url"))):
            if "database_id" in inner and "encodeURIComponent(" not in inner:
                yield Finding("database_unescaped", f"{node['name']} puts the database into a path as it comes.")


def _failures_reported(flow: Flow) -> Iterator[Finding]:
    reports = {node["name"] for node in flow.reports}
    for node in flow.working:
        if not reports.intersection(flow.leads_to(node["name"], failed=True)):
            words = f"{node['name']} does not lead to a report when it fails (onError: continueErrorOutput)"
            yield Finding("failure_unreported", f"{words}, so nobody would hear of it.")


def _two_reports(flow: Flow) -> Iterator[Finding]:
    if len(flow.reports) != 2:
        yield Finding(
            "reports", f"It has {len(flow.reports)} nodes that call back; there is one of success, one of failure."
        )
    webhook_keys = {_credential(node) for node in flow.of_type(WEBHOOK)}
    tokens = {_credential(node) for node in flow.reports}
    if len(tokens) > 1 or None in tokens or tokens & webhook_keys:
        yield Finding("callback_credential", "Those that call back do not share a token that is nothing but theirs.")


def _nothing_whole(flow: Flow) -> Iterator[Finding]:
    for node in flow.reports:
        if _WHOLE_ITEM.search(str(node["parameters"].get("jsonBody"))):
            words = f"{node['name']} sends $json or $json.error whole"
            yield Finding("whole_item_sent", f"{words}; when a request failed, its token is in there.")


def _marked(flow: Flow) -> Iterator[Finding]:
    if not any(MARKER in text for _, text in _texts(flow)):
        yield Finding(
            "no_marker", f"No node writes {MARKER} into the page, by which it is found when a report was lost."
        )


def _headers(node: Json) -> Sequence[Json]:
    found: Sequence[Json] = (node["parameters"].get("headerParameters") or {}).get("parameters", [])
    return found


def _credential(node: Json) -> str | None:
    found = node.get("credentials", {}).get("httpHeaderAuth")
    return found.get("id") if found else None


def _texts(flow: Flow) -> Iterator[tuple[Json, str]]:
    for node in flow.nodes:
        for text in _strings(node["parameters"]):
            yield node, text


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner: Iterable[object] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _strings(one)


GENERAL: Final[Sequence[Rule]] = (
    _unique_names,
    _connected_nodes,
    _named_nodes,
    _known_kinds,
    _no_environment,
    _whole_expressions,
    _no_secrets,
    _named_credentials,
    _switched_off,
    _bounded,
)
OF_JOBS: Final[Sequence[Rule]] = (
    _one_webhook,
    _notion_version,
    _escaped_database,
    _failures_reported,
    _two_reports,
    _nothing_whole,
    _marked,
)

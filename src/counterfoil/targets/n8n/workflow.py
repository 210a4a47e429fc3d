"""The workflow that writes a receipt to Notion: schema, picture, model, checked payload, page, callback.

n8n imports it as JSON. What its nodes run and say lies readable in `sources/`. Up to `Accept Job` a failure is the
answer to whoever posted the job; from there on every failure goes to `Report Failure`, so that the job hears of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.targets.n8n.kinds import (
    AGENT,
    HTTP_REQUEST,
    OPENAI_MODEL,
    RESPOND,
    SET,
    STICKY_NOTE,
    STOP,
    WEBHOOK,
)
from counterfoil.targets.n8n.nodes import (
    Credential,
    Json,
    Node,
    assemble,
    assignments,
    code_node,
    expression,
    source,
)

WEBHOOK_KEY: Final = Credential("httpHeaderAuth", "counterfoilWebhook", "Counterfoil webhook key")
CALLBACK_TOKEN: Final = Credential("httpHeaderAuth", "counterfoilCallback", "Counterfoil callback token")
NOTION: Final = Credential("notionApi", "counterfoilNotion", "Notion")
OPENAI: Final = Credential("openAiApi", "counterfoilOpenAi", "OpenAI")

IDENTITY: Final = "counterfoilReceipt"
NOTION_VERSION: Final = "2022-06-28"
FAILURE: Final = "Report Failure"
SECONDS: Final = 420
"""When n8n ends a run. Nobody hears of that, so it is more than the slowest run takes that can still report."""
_MODEL_SECONDS: Final = 90
_NOTION_SECONDS: Final = 20
_CREATE_SECONDS: Final = 60  # what was given up on may have been done
_CALLBACK_SECONDS: Final = 10
# These take no temperature, and think within what they may say.
_REASONS: Final = re.compile(r"o\d|gpt-5(?!-chat)")
_NOTE: Final = """## Receipt to Notion
Counterfoil posts a job, this workflow writes the page and reports back.

1. Create the credentials that the nodes name.
2. Publish.
3. Set `N8N_WEBHOOK_URL` of Counterfoil to the production URL of **Receipt Webhook**.

`Job` holds what is yours to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user may have otherwise."""

    notion_url: str = "https://api.notion.com"
    callback_host: str = ""
    webhook_path: str = "receipt-to-notion"
    model: str = "gpt-4o"


def receipt_to_notion(options: Options) -> Json:
    """Return the workflow, ready to import."""
    nodes = [_note(), *_before_acceptance(options), *_work(options), *_reports()]
    return assemble(IDENTITY, "Receipt to Notion", nodes, seconds=SECONDS)


def _note() -> Node:
    parameters = {"content": _NOTE, "height": 280, "width": 460}
    return Node(name="Set It Up", kind=STICKY_NOTE, position=(-40, -60), parameters=parameters)


def _before_acceptance(options: Options) -> list[Node]:
    webhook = {
        "httpMethod": "POST",
        "path": options.webhook_path,
        "authentication": "headerAuth",
        "responseMode": "responseNode",
        "options": {},
    }
    accepted = "{ accepted: true, job_id: $('Job').first().json.job_id, execution_id: $execution.id }"
    # Left to itself, one n8n would answer with 500 and the other with 200.
    refused = "{ accepted: false, message: String($json.error?.message || $json.error) }"
    return [
        Node(
            name="Receipt Webhook",
            kind=WEBHOOK,
            position=(0, 300),
            parameters=webhook,
            credential=WEBHOOK_KEY,
            to=["Job"],
        ),
        Node(name="Job", kind=SET, position=(220, 300), parameters=assignments(_job(options)), to=["Check Job"]),
        code_node("Check Job", "check_job.js", (440, 300), to="Accept Job", on_error="Refuse Job"),
        _answer("Accept Job", 202, accepted, (660, 300), to=["Get Notion Schema"]),
        _answer("Refuse Job", 400, refused, (660, 520)),
    ]


def _answer(name: str, status: int, body: str, position: tuple[int, int], to: Sequence[str] = ()) -> Node:
    content = expression(f"JSON.stringify({body})")
    parameters = {"respondWith": "json", "responseBody": content, "options": {"responseCode": status}}
    return Node(name=name, kind=RESPOND, position=position, parameters=parameters, to=to)


def _job(options: Options) -> dict[str, str]:
    """Return what is known of a job; n8n lets no node read its environment, so what a user may change stands here."""
    ours = {
        "notion_base_url": options.notion_url.rstrip("/"),
        "notion_version": NOTION_VERSION,
        "callback_host": options.callback_host,
    }
    theirs = ("job_id", "filename", "notion_database_id", "callback_url")
    return ours | {name: expression(f"$json.body.{name}") for name in theirs}


def _work(options: Options) -> list[Node]:
    database = "/v1/databases/{{ encodeURIComponent($('Job').first().json.notion_database_id) }}"
    question = {
        "promptType": "define",
        "text": "=" + source("question.txt"),
        "options": {
            "systemMessage": source("prompt.txt"),
            "passthroughBinaryImages": True,
            "maxIterations": 1,
            "enableStreaming": False,
        },
    }
    page = {"sendBody": True, "specifyBody": "json", "jsonBody": expression("JSON.stringify($json.page)")}
    return [
        Node(
            name="Get Notion Schema",
            kind=HTTP_REQUEST,
            position=(880, 300),
            parameters=_notion("GET", database, {}, seconds=_NOTION_SECONDS),
            credential=NOTION,
            tries=3,
            seconds_between=2,
            to=["Image File"],
            on_error=FAILURE,
        ),
        code_node("Image File", "image_file.js", (1100, 300), to="Map Receipt", on_error=FAILURE),
        Node(
            name="Map Receipt",
            kind=AGENT,
            position=(1320, 300),
            parameters=question,
            tries=2,
            seconds_between=2,
            to=["Check Payload"],
            on_error=FAILURE,
        ),
        _model(options.model),
        code_node("Check Payload", "check_payload.js", (1640, 300), to="Create Notion Page", on_error=FAILURE),
        # Never tried again: what was given up on may have made the page.
        Node(
            name="Create Notion Page",
            kind=HTTP_REQUEST,
            position=(1860, 300),
            parameters=_notion("POST", "/v1/pages", page, seconds=_CREATE_SECONDS),
            credential=NOTION,
            to=["Report Success"],
            on_error=FAILURE,
        ),
    ]


def _notion(method: str, path: str, body: Json, *, seconds: int) -> Json:
    """Return the parameters of a request to Notion, in the version that is pinned."""
    version = {"name": "Notion-Version", "value": expression("$('Job').first().json.notion_version")}
    return {
        "method": method,
        "url": expression("$('Job').first().json.notion_base_url") + path,
        "authentication": "predefinedCredentialType",
        "nodeCredentialType": NOTION.type,
        "sendHeaders": True,
        "headerParameters": {"parameters": [version]},
        **body,
        # The credential looks for the header's name as it is written, and would put an old version beside it.
        "options": {"timeout": seconds * 1000, "lowercaseHeaders": False},
    }


def _model(name: str) -> Node:
    asked = {"timeout": _MODEL_SECONDS * 1000, "maxRetries": 0, "responseFormat": "json_object"}
    steady = {} if _REASONS.match(name) else {"temperature": 0, "maxTokens": 4096}
    parameters = {"model": {"__rl": True, "mode": "id", "value": name}, "options": {**steady, **asked}}
    return Node(
        name="Vision Model",
        kind=OPENAI_MODEL,
        position=(1320, 520),
        parameters=parameters,
        credential=OPENAI,
        model_of="Map Receipt",
    )


def _reports() -> list[Node]:
    stopped = "=Job {{ $('Job').first().json.job_id }} failed, and Counterfoil has been told."
    return [
        _report("Report Success", "report_success.js", (2080, 300)),
        _report(FAILURE, "report_failure.js", (2080, 620), to=["Mark Run Failed"]),
        Node(name="Mark Run Failed", kind=STOP, position=(2300, 620), parameters={"errorMessage": stopped}),
    ]


def _report(name: str, body: str, position: tuple[int, int], to: Sequence[str] = ()) -> Node:
    parameters = {
        "method": "POST",
        "url": expression("$('Job').first().json.callback_url"),
        "authentication": "genericCredentialType",
        "genericAuthType": CALLBACK_TOKEN.type,
        "sendBody": True,
        "specifyBody": "json",
        "jsonBody": expression(source(body)),
        "options": {"timeout": _CALLBACK_SECONDS * 1000},
    }
    return Node(
        name=name,
        kind=HTTP_REQUEST,
        position=position,
        parameters=parameters,
        credential=CALLBACK_TOKEN,
        tries=5,
        seconds_between=5,
        to=to,
    )

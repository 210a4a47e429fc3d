"""The workflow for the way in: what comes to a mailbox is handed in to Counterfoil, and followed until it is read."""

from typing import Final

from counterfoil.targets.n8n.kinds import HTTP_REQUEST, IF, MAILBOX, SET, STICKY_NOTE, STOP, WAIT
from counterfoil.targets.n8n.nodes import Credential, Json, Node, assemble, assignments, code_node, expression

IMAP: Final = Credential("imap", "counterfoilMailbox", "Mailbox of receipts")
API_KEY: Final = Credential("httpHeaderAuth", "counterfoilApiKey", "Counterfoil API key")
IDENTITY: Final = "counterfoilMailbox"
SECONDS: Final = 1800
_OVER: Final = "['completed', 'cancelled', 'dead_letter'].includes($json.status)"
_NOTE: Final = """## Hand in from a mailbox
Attachments of new mails go to Counterfoil, each as a document of its own.

1. Create the credentials that the nodes name. *Counterfoil API key* is Header Auth, name `Authorization`, value
   `Bearer` and what `counterfoil keys add n8n --may documents:write --may jobs:read` says.
2. Let `url` in **Counterfoil** be where Counterfoil is.
3. Publish."""


def hand_in_from_mailbox(url: str = "http://127.0.0.1:8000") -> Json:
    """Return the workflow, ready to import; `url` is where Counterfoil is."""
    return assemble(
        IDENTITY, "Hand in from a mailbox", [_note(), *_hand_in(url), *_follow(), *_ends()], seconds=SECONDS
    )


def _note() -> Node:
    parameters = {"content": _NOTE, "height": 280, "width": 420}
    return Node(name="Set It Up", kind=STICKY_NOTE, position=(-40, -20), parameters=parameters)


def _hand_in(url: str) -> list[Node]:
    mailbox = {
        "mailbox": "INBOX",
        "postProcessAction": "read",
        "format": "simple",
        "downloadAttachments": True,
        "dataPropertyAttachmentsPrefixName": "attachment_",
        "options": {},
    }
    file = {"parameterType": "formBinaryData", "name": "file", "inputDataFieldName": "file"}
    body = {"sendBody": True, "contentType": "multipart-form-data", "bodyParameters": {"parameters": [file]}}
    return [
        Node(
            name="Mailbox",
            kind=MAILBOX,
            position=(0, 300),
            parameters=mailbox,
            credential=IMAP,
            to=["Counterfoil"],
        ),
        Node(
            name="Counterfoil",
            kind=SET,
            position=(220, 300),
            parameters=assignments({"url": url.rstrip("/")}),
            to=["Attachments"],
        ),
        code_node("Attachments", "split_attachments.js", (440, 300), to="Hand In"),
        # To hand in the same bytes twice is safe: they are read once.
        _request("Hand In", "POST", "/api/v1/receipts/upload", (660, 300), body, to="Wait", tries=5),
    ]


def _follow() -> list[Node]:
    job = "/api/v1/jobs/{{ $json.job_id ?? $json.id }}"
    return [
        Node(name="Wait", kind=WAIT, position=(880, 300), parameters={"amount": 5, "unit": "seconds"}, to=["Look"]),
        # n8n 1 tries again also when the answer has an `error`, though it be null.
        _request("Look", "GET", job, (1100, 300), {}, to="Is It Over", tries=2),
        _if("Is It Over", _OVER, (1320, 300), to=["Is It Read", "Wait"]),
    ]


def _ends() -> list[Node]:
    stopped = {"errorMessage": "=Job {{ $json.id }} ended as {{ $json.status }}; Counterfoil says why."}
    return [
        _if("Is It Read", "$json.status === 'completed'", (1540, 300), to=["", "Not Read"]),
        Node(name="Not Read", kind=STOP, position=(1760, 400), parameters=stopped),
    ]


def _request(name: str, method: str, path: str, position: tuple[int, int], body: Json, *, to: str, tries: int) -> Node:
    parameters = {
        "method": method,
        "url": expression("$('Counterfoil').first().json.url") + path,
        "authentication": "genericCredentialType",
        "genericAuthType": API_KEY.type,
        **body,
        "options": {"timeout": 60_000},
    }
    return Node(
        name=name,
        kind=HTTP_REQUEST,
        position=position,
        parameters=parameters,
        credential=API_KEY,
        tries=tries,
        seconds_between=5,
        to=[to],
    )


def _if(name: str, condition: str, position: tuple[int, int], to: list[str]) -> Node:
    test = {
        "id": name,
        "leftValue": expression(condition),
        "rightValue": "",
        "operator": {"type": "boolean", "operation": "true", "singleValue": True},
    }
    options = {"caseSensitive": True, "leftValue": "", "typeValidation": "strict", "version": 2}
    parameters = {"conditions": {"options": options, "conditions": [test], "combinator": "and"}, "options": {}}
    return Node(name=name, kind=IF, position=position, parameters=parameters, to=to)

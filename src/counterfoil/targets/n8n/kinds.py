"""The kinds of nodes that a workflow may have: in these versions, n8n 1.123 and 2.41 both know them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of node, in one version."""

    type: str
    version: float


AGENT = Kind("@n8n/n8n-nodes-langchain.agent", 2.2)
CODE = Kind("n8n-nodes-base.code", 2)
HTTP_REQUEST = Kind("n8n-nodes-base.httpRequest", 4.2)
IF = Kind("n8n-nodes-base.if", 2.2)
MAILBOX = Kind("n8n-nodes-base.emailReadImap", 2)
# From 1.3 on it speaks the responses of OpenAI, which others have not.
OPENAI_MODEL = Kind("@n8n/n8n-nodes-langchain.lmChatOpenAi", 1.2)
RESPOND = Kind("n8n-nodes-base.respondToWebhook", 1.1)
SET = Kind("n8n-nodes-base.set", 3.4)
STICKY_NOTE = Kind("n8n-nodes-base.stickyNote", 1)
STOP = Kind("n8n-nodes-base.stopAndError", 1)
WAIT = Kind("n8n-nodes-base.wait", 1.1)
WEBHOOK = Kind("n8n-nodes-base.webhook", 2)

IN_PLACE_OF_OURS = (
    Kind("@n8n/n8n-nodes-langchain.chainLlm", 1.7),
    Kind("@n8n/n8n-nodes-langchain.lmChatAnthropic", 1.3),
    Kind("@n8n/n8n-nodes-langchain.lmChatAzureOpenAi", 1),
    Kind("@n8n/n8n-nodes-langchain.lmChatGoogleGemini", 1),
    Kind("@n8n/n8n-nodes-langchain.lmChatMistralCloud", 1),
    Kind("@n8n/n8n-nodes-langchain.lmChatOllama", 1),
)
"""What a user may rather have: another model, or a chain instead of the agent."""

KNOWN = frozenset(
    {
        AGENT,
        CODE,
        HTTP_REQUEST,
        IF,
        MAILBOX,
        OPENAI_MODEL,
        RESPOND,
        SET,
        STICKY_NOTE,
        STOP,
        WAIT,
        WEBHOOK,
        *IN_PLACE_OF_OURS,
    }
)

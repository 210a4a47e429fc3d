"""A workflow in n8n, as its webhook shows itself: it takes orders, and the test says what becomes of them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "the key of the webhook"
SECRET = "the secret of the callback"


@dataclass
class Webhook:
    """Orders as they came, and what they are answered with. `status` is what n8n says."""

    url: str = ""
    status: int = 202
    orders: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator["Webhook"]:
        """Listen on a free port."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = hook.status if self.headers["X-N8N-Api-Key"] == KEY else 403
                if status == 202:
                    hook.orders.append(order)
                said = {"accepted": True, "job_id": order["job_id"], "execution_id": str(230 + len(hook.orders))}
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}/webhook/receipt-to-notion"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="webhook")
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

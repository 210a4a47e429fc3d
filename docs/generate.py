"""Writes what follows from the code: the example of the settings, the list of error codes, the workflows for n8n.

Run it with `make docs`; a test fails when a page no longer says what the code does.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import counterfoil
from counterfoil.foundation.errors import CounterfoilError
from counterfoil.foundation.settings import Settings
from counterfoil.targets.n8n.mailbox import hand_in_from_mailbox
from counterfoil.targets.n8n.nodes import written
from counterfoil.targets.n8n.workflow import Options, receipt_to_notion

ROOT = Path(__file__).parents[1]
OF_REQUESTS = (
    (
        "validation_error",
        422,
        "Values of a request are not as they should be.",
        "Correct the values named in `errors` and send the request again.",
    ),
    ("method_not_allowed", 405, "The path knows no such method.", "See the documentation under /docs."),
)


def pages() -> Mapping[Path, str]:
    """Return what each page should hold."""
    return {
        ROOT / ".env.example": settings_example(),
        ROOT / "docs" / "reference" / "errors.md": errors_page(),
        ROOT / "n8n" / "receipt-to-notion.json": written(receipt_to_notion(Options())),
        ROOT / "n8n" / "hand-in-from-mailbox.json": written(hand_in_from_mailbox()),
    }


def settings_example() -> str:
    """Return every setting with its line and its default, none of them in force."""
    parts = ["# Every setting with its default. To change one, copy its line to `.env` without the sign before it."]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        parts.append(f"# {field.description}\n# {name.upper()}={default}")
    return "\n\n".join(parts) + "\n"


def errors_page() -> str:
    """Return the table of error codes, by status."""
    rows = [
        (kind.code, kind.status, (kind.__doc__ or "").split("\n")[0], kind.advice, "yes" if kind.retry else "no")
        for kind in all_errors()
    ]
    rows += [(code, status, meaning, advice, "no") for code, status, meaning, advice in OF_REQUESTS]
    lines = [
        f"| `{code}` | {status} | {again} | {meaning} | {advice} |"
        for code, status, meaning, advice, again in sorted(rows, key=lambda row: (row[1], row[0]))
    ]
    return _ERRORS_HEAD + "\n".join(lines) + "\n"


def all_errors() -> list[type[CounterfoilError]]:
    """Return every error class of the house."""
    for module in pkgutil.walk_packages(counterfoil.__path__, "counterfoil."):
        if not module.name.startswith("counterfoil.migrations."):
            importlib.import_module(module.name)

    def below(kind: type[CounterfoilError]) -> Iterator[type[CounterfoilError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    found = dict.fromkeys(below(CounterfoilError))
    return [kind for kind in found if kind.__module__.startswith("counterfoil.")]


_ERRORS_HEAD = """# Errors and their codes

Every error is answered as a problem (RFC 9457, `application/problem+json`) with a `code` that stays the same, a
`detail` that says what happened this time, and an `advice`. Jobs carry the same codes. *Tried again* says whether a
job that ends with the error is tried again by itself.

| code | status | tried again | what it means | what to do |
|---|---|---|---|---|
"""


def main() -> None:
    """Write the pages."""
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()

"""The pages that follow from the code still do."""

from docs.generate import pages


def test_every_generated_page_says_what_the_code_does() -> None:
    stale = [path.name for path, content in pages().items() if path.read_text(encoding="utf-8") != content]
    assert stale == [], "run `make docs`"

"""Text on a page that speaks to a model rather than to a person. It changes nothing but that a person is asked."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from counterfoil.extraction.domain import PageText
from counterfoil.extraction.layout.dates import folded
from counterfoil.records.domain import Reason, ReasonCode

LONGEST_SHOWN: Final = 120
MOST_LOOKED_AT: Final = 50_000
"""Letters of a page; no sheet of paper holds more."""
_GAP = r"(?:\W+\w+){0,4}?\W+"
_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # English
        rf"\b(?:ignore|disregard|forget|override|bypass){_GAP}(?:instructions?|prompts?|rules|guidelines)\b",
        rf"\b(?:you are|act as|pretend to be){_GAP}(?:assistant|model|chatbot|ai|agent)\b",
        r"\b(?:dear|attention|note|instructions?)\W+(?:to |for |any |all |the )*(?:ai|llm|language model)s?\b",
        r"\b(?:your|the|new) system (?:prompt|message|instructions?)\b",
        rf"\b(?:report|answer|respond|reply|output|set|say)\b{_GAP}(?:total|amount|merchant|price|json)\b{_GAP}(?:as|to)\b",
        # German
        rf"\b(?:ignorier|missacht|vergiss|vergess|uberschreib)\w*{_GAP}(?:anweisung|instruktion|regeln|vorgaben|prompt)\w*",
        r"\b(?:hinweis|anweisung|achtung)\w*\W+(?:an |fur |alle |das |die )*(?:ki|sprachmodell)\w*",
        # French
        rf"\b(?:ignore|oublie|neglige)[rz]?\b{_GAP}(?:instructions?|consignes?|regles?)\b",
        # Spanish and Portuguese
        rf"\b(?:ignor|olvid|esquec|desconsider)\w+{_GAP}(?:instrucciones|instrucoes|reglas|regras|indicaciones)\b",
        # Italian
        rf"\b(?:ignora|dimentica|trascura)\w*{_GAP}(?:istruzion[ie]|regole|indicazioni)\b",
        # Dutch
        rf"\b(?:negeer|vergeet)\b{_GAP}(?:instructies?|regels|aanwijzingen)\b",
        # Polish
        rf"\b(?:z?ignoruj|zapomnij)\b{_GAP}(?:instrukcj|polece|zasad)\w*",
        # Russian, Chinese, Japanese; what they look like without accents
        rf"\b(?:игнорир|забуд)\w*{_GAP}(?:инструкци|указани|правил)\w*",
        r"(?:忽略|无视|忽視|無視).{0,12}(?:指令|指示|提示|说明|說明|命令)",
        r"(?:指示|命令|フロンフト).{0,8}(?:無視|忘れ)",
        # The marks by which some models tell who speaks
        r"<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?inst\]|###\s*(?:instruction|system)",
    )
)


def suspicious(pages: Sequence[PageText]) -> Iterator[Reason]:
    """Yield a reason if a page has text that looks like instructions to a model; the first such text is named."""
    for page in pages:
        if found := _first(" ".join(word.text for word in page.words)):
            facts = {"page": str(page.number), "text": found}
            yield Reason(code=ReasonCode.INSTRUCTIONS_IN_DOCUMENT, facts=facts)
            return


def _first(text: str) -> str | None:
    """Return the first such text, with a little of what stands around it."""
    plain = folded(text[:MOST_LOOKED_AT])
    places = sorted(found.span() for pattern in _PATTERNS if (found := pattern.search(plain)))
    if not places:
        return None
    start, end = places[0]
    around = plain[max(start - 10, 0) : max(end, start + LONGEST_SHOWN - 10)]
    return around[:LONGEST_SHOWN].strip()

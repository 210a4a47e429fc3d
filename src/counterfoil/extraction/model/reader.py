"""Reads a document by asking a model, where the layout reader is in doubt or always."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import structlog

from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.grounding import Grounding
from counterfoil.extraction.model.asking import ModelAsking
from counterfoil.extraction.model.domain import (
    AskedInVain,
    BudgetSpent,
    ModelRejected,
    ModelSilent,
    ModelUnavailable,
    ModelUnreachable,
    Picture,
)
from counterfoil.extraction.model.prompt import READING
from counterfoil.extraction.model.suspicion import suspicious
from counterfoil.extraction.model.weighing import NAME, weigh
from counterfoil.extraction.reading import Reading
from counterfoil.foundation.clock import Clock
from counterfoil.jobs.limits.domain import BreakerOpen
from counterfoil.records.checks import check
from counterfoil.records.domain import Reason, ReasonCode

MOST_PAGES: Final = 10
"""Pages that a model is shown: the first of them, and the last, where the sums stand."""
LONGEST_SIDE: Final = 1600
"""Pixels of the pictures; providers scale down what is much larger."""
_QUALITY: Final = 85
_FOR_NOW: Final = (ModelUnavailable, ModelUnreachable, ModelSilent, BreakerOpen)
_LEFT_ALONE: Final = "its provider has failed several times in a row"
_IN_VAIN: Final = (*_FOR_NOW, ModelRejected, AskedInVain, BudgetSpent)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReader:
    """Asks a model about what earlier readers left in doubt, and weighs its answer against the page and them.

    `threshold` is the confidence that needs no person.
    """

    asking: ModelAsking
    clock: Clock
    threshold: float
    always: bool
    name: str = NAME
    exact: ClassVar[bool] = False

    @property
    def version(self) -> str:
        return self.asking.version(READING)

    def read(self, reading: Reading) -> Extraction | None:
        """Return what the model makes of a document; None if it is not asked, or if the others have to do without."""
        layout = reading.found
        if layout is None or not (self.always or self._in_doubt(layout)):
            return None
        try:
            answer, use = self.asking.ask(reading.workspace, reading.sha256, READING, lambda: _pictures(reading))
        except _IN_VAIN as error:
            if isinstance(error, _FOR_NOW) and not reading.last_try:
                raise
            why = _LEFT_ALONE if isinstance(error, BreakerOpen) else error.why
            code = ReasonCode.MODEL_NOT_ASKED if isinstance(error, BudgetSpent) else ReasonCode.MODEL_FAILED
            log.warning("read_without_model", reason=code, why=why)
            reading.remarks.append(Reason(code=code, facts={"why": why}))
            return None
        grounding = Grounding.of(layout.pages)
        together = weigh(answer.data(), layout, grounding, version=self.version, sure=self.threshold, use=use)
        return replace(together, reasons=(*layout.reasons, *together.reasons, *suspicious(layout.pages)))

    def _in_doubt(self, layout: Extraction) -> bool:
        """Tell whether a person would be asked."""
        today = self.clock.now().date()
        return bool(check(layout.data, layout.sources, today=today, threshold=self.threshold))


def _pictures(reading: Reading) -> Sequence[Picture]:
    """Return the pages as people see them, upright; what a file holds besides is not shown to anybody."""
    turned = {page.number: page.turned for page in reading.texts}
    pages = reading.document.pages
    shown = [*pages[: MOST_PAGES - 1], pages[-1]] if len(pages) > MOST_PAGES else pages
    pictures = []
    for page in shown:
        picture = page.picture(longest_side=LONGEST_SIDE)
        if degrees := turned.get(page.number, 0):
            picture = picture.rotate(-degrees, expand=True)
        content = io.BytesIO()
        picture.save(content, "JPEG", quality=_QUALITY)
        pictures.append(Picture(content=content.getvalue(), media_type="image/jpeg"))
    return pictures

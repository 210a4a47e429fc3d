"""What can be drawn, and in which form it is handed over."""

from enum import StrEnum


class Kind(StrEnum):
    """A sort of document, by what it is for."""

    RECEIPT = "receipt"
    SUPERMARKET = "supermarket"
    RESTAURANT = "restaurant"
    SLIP = "slip"
    HOTEL = "hotel"
    INVOICE = "invoice"
    LONG_INVOICE = "long-invoice"
    CREDIT_NOTE = "credit-note"


class Form(StrEnum):
    """A sort of file."""

    PHOTO = "photo"
    PICTURE = "picture"
    SCAN = "scan"
    PDF = "pdf"
    SCANNED_PDF = "scanned-pdf"
    UBL = "ubl"
    CII = "cii"
    FACTURX = "factur-x"

    @property
    def extension(self) -> str:
        return _EXTENSIONS.get(self, "pdf")

    @property
    def is_e_invoice(self) -> bool:
        return self in {Form.UBL, Form.CII, Form.FACTURX}

    @property
    def has_text(self) -> bool:
        """Say whether its words need not be recognised."""
        return self.is_e_invoice or self is Form.PDF


_EXTENSIONS = {Form.PHOTO: "jpg", Form.PICTURE: "png", Form.SCAN: "tiff", Form.UBL: "xml", Form.CII: "xml"}
INVOICES = frozenset({Kind.INVOICE, Kind.LONG_INVOICE, Kind.CREDIT_NOTE})

"""Letters put right where OCR saw digits or capitals within words, and digits where it saw letters."""

import re

DIGITS_AGAIN = str.maketrans("OoQDlI|SB", "000011158")
"""Letters that OCR sees in a number, as the digits that they are."""


def mended(text: str) -> str:
    """Return the text with letters for what is none, where they stand between letters, and a naught after digits."""
    text = re.sub(r"(?<=[a-z])1(?=[aeiouy1])|(?<=[A-Za-z]{3})1\b|(?<=[a-z]1)1|(?<=l)1", "l", text)
    text = re.sub(r"(?<=[A-Za-z][a-z])1(?=[a-z])", "i", text)
    text = re.sub(r"(?<=[A-Z])0(?=[A-Z])|\b0(?='[A-Z])", "O", text)
    text = re.sub(r"(?<=[a-z])I(?=[a-z])", "l", text)
    text = re.sub(r"(?<=[a-z])0(?=[a-z])", "o", text)
    text = re.sub(r"\b(J|B|F)[1I](n|k|r)\b", r"\1l\2", text)
    text = re.sub(r"(?<![A-Za-z0-9])(\d+)O(?![A-Za-z])", r"\g<1>0", text)
    return re.sub(r"\b5(?=[A-Z]{3})", "S", text)

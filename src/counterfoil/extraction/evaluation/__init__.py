"""Measuring a reader on documents whose fields are known."""

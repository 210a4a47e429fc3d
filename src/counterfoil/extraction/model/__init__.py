"""Asking an AI model, within limits and once; and the reader that asks it what a document says."""

"""Airtable on this machine: its web API over HTTP as it is documented, with faults on demand."""

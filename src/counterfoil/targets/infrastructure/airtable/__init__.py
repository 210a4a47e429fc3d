"""Airtable: a record for each of ours, in a table of the person's own."""

"""Notion: a page for each record, in a data source of the person's own."""

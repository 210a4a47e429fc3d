"""Questions put to a person about a record, and the answers."""

"""The outside technologies that documents are built on."""

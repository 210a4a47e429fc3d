"""The outside technologies that jobs are built on."""

"""Where changes are noticed."""

"""Workspaces, and in time the people and programs that may enter them."""

"""Bringing records to the tables where people keep them."""

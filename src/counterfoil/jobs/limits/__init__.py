"""Calls to outside services: how often they may be made, and when a service that fails is left alone."""

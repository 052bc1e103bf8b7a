"""Whole flows of real clients, each in an environment of its own."""

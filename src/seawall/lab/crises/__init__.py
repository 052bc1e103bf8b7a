"""Crises of the past as scripts: an account in each, its modes and rulebooks side by side."""

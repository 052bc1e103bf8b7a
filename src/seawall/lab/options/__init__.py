"""Perpetuals and options in one portfolio margin account: requirement, hedges, liquidation."""

from seawall.lab.options.question import OptionsResult, options

__all__ = ["OptionsResult", "options"]

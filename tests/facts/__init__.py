"""Figures of venues that the project claims to reproduce, each with its source.

``dydx.json``: cases of the protocol's own tests, as numbers. ``hyperliquid.json``: documented and
recorded figures. ``hyperliquid_accounts.json``: accounts as the venue answered for them.
``hyperliquid_unified_accounts.json``: accounts whose equity is in several of its answers.
``hyperliquid_client.json``: what its client signs. The layout and the names are this project's;
``dydx_words`` and ``hyperliquid_words`` read other collections of such figures, which use the
venues' own words, into the same form.
"""

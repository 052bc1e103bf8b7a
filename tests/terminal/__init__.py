"""The terminal: its server half, spoken to as a page does."""

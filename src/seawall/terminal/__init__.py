"""The server half of the web terminal: what a browser is shown of a venue, and what it may ask."""

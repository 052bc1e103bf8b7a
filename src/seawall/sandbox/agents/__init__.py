"""The inhabitants of the sandbox: seeded traders who act on accounts of their own."""

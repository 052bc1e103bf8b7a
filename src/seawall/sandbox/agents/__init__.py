"""The agents of the sandbox: seeded traders that act on accounts of their own."""

"""How people get in: one-time links, sign-in providers, and the sessions of their browsers."""

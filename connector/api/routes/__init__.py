"""The route tables by topic, each a tuple ``TABLE`` of endpoints."""

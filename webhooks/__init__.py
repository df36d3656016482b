"""The door in: deliveries are verified, stored and acknowledged here, and nothing else happens."""

"""Key results shown at goals of a host: linked by an admin, exported one way, only while the setting allows it."""

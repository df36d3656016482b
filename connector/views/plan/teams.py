"""Teams: lists and forms."""

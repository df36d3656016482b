"""Which items feed which key result, and with what number."""

"""Where mappings drift from the work (S14): counted every night, judged when looked at, told to the owners once a day."""

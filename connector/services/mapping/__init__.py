"""Mappings as admins keep them: what there is to map, a preview over live items, saving, switching off and on, the list."""

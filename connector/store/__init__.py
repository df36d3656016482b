"""The database: tables, sessions, work bookkeeping, reads and the vault."""

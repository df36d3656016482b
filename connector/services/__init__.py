"""Use cases, one transaction each. They join the pure rules, the store and the hosts."""

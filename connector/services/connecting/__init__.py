"""Connecting hosts, as an admin does it: kinds of logins, the test before saving, webhooks, health, pausing, retiring, rotation of the key.

Secrets come in and are sealed; none ever leaves but a webhook secret that was made this moment, once.
"""

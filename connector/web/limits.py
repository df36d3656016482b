"""Rate limits for what can be guessed or abused, counted per address in Redis, or in this process while it is away."""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, strategy="moving-window", headers_enabled=True)
SIGN_IN = "20 per minute; 120 per hour"  # for each view that signs in: enough for an office behind one address, hopeless for guessing


def install(app: Flask, redis_url: str) -> None:
    """Bind the limits to an application."""
    uri = redis_url.replace("unix://", "redis+unix://", 1) if redis_url.startswith("unix://") else redis_url
    # No list of limits for the time without Redis: the library would put it on every page. The views' own go on, counted here.
    app.config.update(
        RATELIMIT_STORAGE_URI=uri or "memory://",
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=bool(uri),
        RATELIMIT_KEY_PREFIX="okr-limits",
    )
    limiter.init_app(app)

"""The connector's own command line with leases of one second, for tests that kill many workers: ``python -m tests.support.short_lease``."""

from __future__ import annotations

from connector.__main__ import main
from connector.services import heartbeat

if __name__ == "__main__":
    heartbeat.LEASE_SECONDS = 1.0
    main()

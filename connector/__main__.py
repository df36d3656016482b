"""Entry point of ``okr-connector`` and ``python -m connector``; everything else is in ``connector.cli``."""

from connector.cli import main

if __name__ == "__main__":
    main()

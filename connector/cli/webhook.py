"""The commands `webhook arm` and `webhook token`: the by-hand set-up of a Notion subscription."""

from __future__ import annotations

import click

from connector.cli.opening import opened
from connector.services import handshake


@click.group()
def webhook() -> None:
    """Set up a webhook whose secret comes from the host."""


@webhook.command()
@click.argument("name")
@click.option("--hours", type=click.FloatRange(0.1, 168), default=24.0, show_default=True, help="How long the token is waited for.")
@click.option("--replace", is_flag=True, help="Also when a secret is stored: it counts for a day more.")
def arm(name: str, hours: float, replace: bool) -> None:
    """Accept the next verification token sent to connection NAME, once."""
    with opened() as runtime:
        handshake.arm(runtime, name, hours=hours, replace=replace)
    click.echo(f"{name} waits for its verification token for {hours:g} hours")


@webhook.command()
@click.argument("name")
def token(name: str) -> None:
    """Show the verification token that came for connection NAME, this once, for pasting it back into Notion."""
    with opened() as runtime:
        text = handshake.show_token(runtime, name)
    click.echo(f"Verification token of {name}; it is not shown again:", err=True)
    click.echo(text)

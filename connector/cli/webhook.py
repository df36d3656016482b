"""The commands `webhook arm`, `webhook token` and `webhook button`: the by-hand set-up of a Notion subscription and of its buttons."""

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


@webhook.command()
@click.argument("name")
def button(name: str) -> None:
    """Show the secret that a button of connection NAME sends in its header X-OKR-Secret; it counts for buttons and automations only."""
    with opened() as runtime:
        text = handshake.show_button_secret(runtime, name)
    click.echo(f"Secret of {name}'s buttons, for the header X-OKR-Secret; it changes with the verification token:", err=True)
    click.echo(text)

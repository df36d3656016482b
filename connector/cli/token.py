"""The commands `token create`, `token list` and `token revoke`. The token itself is printed once and never again."""

from __future__ import annotations

import click

from connector.cli.opening import opened
from connector.domain.rights import DEFAULT_ROLE, ROLES
from connector.services import tokens


@click.group()
def token() -> None:
    """Make API tokens."""


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default=DEFAULT_ROLE, show_default=True, help="What the token may do.")
@click.option("--as", "person", metavar="EMAIL", default="", help="Whom it stands for: sees restricted objectives that this person sees.")
def create(name: str, role: str, person: str) -> None:
    """Make a token called NAME and show it, this once."""
    with opened() as runtime:
        text = tokens.create(runtime, name, role, person=person)
    click.echo(f"Token {name} ({role}); it is not shown again:", err=True)
    click.echo(text)


@token.command("list")
def list_() -> None:
    """Show all tokens by name, with role and last use."""
    with opened() as runtime:
        found = tokens.list_tokens(runtime)
    if not found:
        click.echo("no tokens; make one with: okr-connector token create NAME")
    for each in found:
        used = f"last used {each.last_used_at:%Y-%m-%d %H:%M}Z" if each.last_used_at else "never used"
        ended = f", revoked {each.revoked_at:%Y-%m-%d}" if each.revoked_at else ""
        click.echo(f"{each.name}  {each.role}  made {each.created_at:%Y-%m-%d}, {used}{ended}")


@token.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End the token called NAME at once."""
    with opened() as runtime:
        tokens.revoke(runtime, name)
    click.echo(f"{name} is revoked")

"""The command `sign-in-link`: the way in for the first admin, and back in when nobody can sign in any more."""

from __future__ import annotations

import click

from connector.cli.opening import opened
from connector.domain.rights import ROLES
from connector.services.sign_in import links
from connector.settings import load_settings


@click.command("sign-in-link")
@click.option("--as", "person", metavar="EMAIL", default="", help="Whom it signs in; added when unknown. Without: whoever uses it first.")
@click.option("--role", type=click.Choice(ROLES), help="Gives them this role and makes them active; for somebody new: admin.")
def sign_in_link(person: str, role: str | None) -> None:
    """Make a link that signs somebody in once, within an hour, and show it.

    Whoever may run commands on this machine may do everything, so this asks for no other right. It is kept in the audit trail.
    """
    with opened(public_url=load_settings().noted_address) as runtime:
        address = links.make_on_machine(runtime, person, role or "")
    click.echo(f"Works once, within {links.LASTS.total_seconds() / 60:.0f} minutes; it is not shown again:", err=True)
    click.echo(address)

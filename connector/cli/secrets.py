"""The command `secrets rotate`: the second step of a change of OKR_SECRET_KEY."""

from __future__ import annotations

import click

from connector.cli.opening import opened
from connector.services.connecting.rotation import reseal


@click.group()
def secrets() -> None:
    """Look after the stored secrets."""


@secrets.command()
@click.pass_context
def rotate(ctx: click.Context) -> None:
    """Seal every stored secret anew with the newest key: with OKR_SECRET_KEY="NEW OLD", so that OLD can be taken away afterwards.

    Ends with exit code 1 and names what no key could open.
    """
    with opened() as runtime:
        keys = len(runtime.settings.resolved_secret_key().split())
        done = reseal(runtime)
    click.echo(f"{done.number} secret{'' if done.number == 1 else 's'} sealed with the newest key")
    for each in done.locked:
        click.echo(f"cannot be opened with {'this key' if keys == 1 else 'any of these keys'}: {each}; enter it again", err=True)
    if done.locked:
        ctx.exit(1)
    if keys > 1:
        click.echo("restart every process, then set OKR_SECRET_KEY to the new key alone")

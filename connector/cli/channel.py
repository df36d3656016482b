"""The commands `channel add`, `channel test`, `channel list` and `channel remove`. Addresses are secrets: asked for, never printed."""

from __future__ import annotations

import click

from connector.cli.opening import opened
from connector.domain.rights import SYSTEM
from connector.services.messages import channels


@click.group()
def channel() -> None:
    """The mail server and the chat rooms that messages go to."""


@channel.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(list(channels.KINDS)), required=True, help="What it is.")
@click.option("--forum", default="", help="Whose room it is; none for a mail server.")
def add(name: str, kind: str, forum: str) -> None:
    """Set a channel called NAME up. Its address is read from the terminal, or from standard input, so that no history keeps it."""
    address = click.prompt("Address", hide_input=True, default="", show_default=False, err=True)
    with opened() as runtime:
        made = channels.add_channel(runtime, SYSTEM, name=name, kind=kind, address=address, forum=forum)
    click.echo(f"{made.name} is set up ({made.title}, {made.place}); try: okr-connector channel test {made.name!r}")


@channel.command()
@click.argument("name")
@click.option("--to", default="", metavar="EMAIL", help="Where a test mail goes.")
def test(name: str, to: str) -> None:
    """Send a test message through NAME."""
    with opened() as runtime:
        why = channels.send_test(runtime, SYSTEM, name, to=to)
    if why:
        raise click.ClickException(f"{name} did not take it: {why}")
    click.echo(f"{name} took the test message")


@channel.command("list")
def list_() -> None:
    """Show all channels, with what the last message met."""
    with opened() as runtime:
        found = channels.list_channels(runtime)
    if not found:
        click.echo("no channels; make one with: okr-connector channel add NAME --kind mail")
    for each in found:
        used = f"last used {each.used_at:%Y-%m-%d %H:%M}Z" if each.used_at else "not used yet"
        forum = f"  {each.forum}" if each.forum else ""
        click.echo(f"{each.name}  {each.kind}  {each.place}{forum}  {used}" + (f"\n  {each.broken}. {each.mend}" if each.broken else ""))


@channel.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take NAME away with its address."""
    with opened() as runtime:
        channels.remove_channel(runtime, SYSTEM, name)
    click.echo(f"{name} is removed")

"""The commands `goals link`, `goals unlink` and `goals list`: key results whose numbers are shown at goals of Atlassian."""

from __future__ import annotations

import click

from connector.cli.opening import opened
from connector.services.goals import linking


@click.group()
def goals() -> None:
    """Show key results at goals of Atlassian, one way (OKR_ATLASSIAN_GOALS=1; unconfirmed on live sites)."""


@goals.command()
@click.argument("key_result", metavar="KR")
@click.argument("goal")
@click.option("--connection", metavar="NAME", required=True, help="The Jira connection of the site that has the goal.")
@click.option("--target", metavar="ID", default="", help="Which of several metric targets of the goal is written.")
def link(key_result: str, goal: str, connection: str, target: str) -> None:
    """Show the key result KR at GOAL (its key, address or id) from now on."""
    with opened() as runtime:
        made = linking.link(runtime, key_result, goal, connection, target=target)
    told = f"{made.goal.key} “{made.goal.name}”".strip() if made.goal.name else made.goal.id
    names = {each.id: each.name for each in made.goal.targets}
    how = f"its metric target “{names[made.target]}” is written" if made.target else "a metric target is added"
    click.echo(f"{key_result} is shown at {told}: {how}")


@goals.command()
@click.argument("key_result", metavar="KR")
def unlink(key_result: str) -> None:
    """Stop showing KR at its goal; what the goal shows stays."""
    with opened() as runtime:
        linking.unlink(runtime, key_result)
    click.echo(f"{key_result} is linked to no goal any more")


@goals.command("list")
def list_() -> None:
    """Show all links with the last export and its trouble."""
    with opened() as runtime:
        found = linking.listed(runtime)
        on = runtime.settings.atlassian_goals
    if not on:
        click.echo("goals are off (OKR_ATLASSIAN_GOALS=0): nothing is exported", err=True)
    if not found:
        click.echo("no links; make one with: okr-connector goals link KR GOAL --connection NAME")
    for each in found:
        when = f"exported {each.exported_at:%Y-%m-%d %H:%M}Z" if each.exported_at else "not exported yet"
        trouble = f"; {each.error}" if each.error else ""
        click.echo(f"{each.key_result}  {each.goal}  {each.connection}  {when}{trouble}")

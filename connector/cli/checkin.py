"""`check-in`: files an owner's update from a terminal. The rules are those of every other way to check in."""

from __future__ import annotations

import click

from connector.cli.opening import opened
from connector.domain.model import State
from connector.domain.wording import STATE_WORDS, sentence
from connector.errors import InputError, NotFound
from connector.services.check_ins import file_check_in
from connector.services.drain import settle
from connector.services.facts import load_definition
from connector.store.tables import KeyResult


@click.command("check-in")
@click.argument("key_result", metavar="KR")
@click.option("--value", help="The number now, in the key result's unit; yes or no for a yes/no key result.")
@click.option("--confidence", help="How sure you are that the target will be reached: 1 to 10.")
@click.option("--blocker", help="The one thing in the way, in one line.")
@click.option("--decision", metavar="KIND", help="What you need: budget, approval, scope, headcount, other or none.")
@click.option("--comment", help="At most 280 characters.")
@click.option("--as-of", metavar="DAY", help="The day that the number describes, such as 2026-11-12.")
@click.option("--delayed", is_flag=True, default=None, help="The number is known to be delayed.")
@click.option("--as", "author", metavar="EMAIL", required=True, help="Who says this.")
def check_in(author: str, key_result: str, **given: object) -> None:
    """File an update for the key result KR.

    Without a value, a confidence or a decision it is kept as a draft and does not count.
    """
    fields = {name: value for name, value in given.items() if value is not None}
    with opened() as runtime:
        try:
            filed = file_check_in(runtime, key_result, fields, author=author, source="cli")
        except NotFound as error:
            raise InputError(str(error)) from None
        settle(runtime)
        with runtime.store.read() as session:
            row = session.get_one(KeyResult, key_result)
        if filed.draft:
            click.echo(f"{key_result}: saved as a draft, it does not count yet; missing: {', '.join(filed.missing)}")
        else:
            click.echo(f"{key_result}: {sentence(load_definition(row), row.current)} · {STATE_WORDS[State(row.state)]}")
        if filed.late:
            click.echo(f"It came {filed.late}.")

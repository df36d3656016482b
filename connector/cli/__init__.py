"""The command group ``okr-connector``: which command lives in which module, and how errors become exit codes.

Subcommand modules are imported when their command runs, so that ``--help`` answers at once. This module imports no command, no database
and no web framework.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from typing import NamedTuple

import click

from connector.errors import ConnectorError, InputError

log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """Where a command lives (``module:attribute``) and the line it has in ``--help``."""

    target: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "serve": Entry("connector.cli.serve:serve", "Run everything on this machine: web, workers and schedule."),
    "web": Entry("connector.cli.serve:web", "Run the web server alone."),
    "worker": Entry("connector.cli.serve:worker", "Run the background workers alone."),
    "clock": Entry("connector.cli.serve:clock", "Run the schedule alone."),
    "apply": Entry("connector.cli.apply:apply", "Make the set-up equal to a YAML file."),
    "sync": Entry("connector.cli.sync:sync", "Run the nightly sync now, in the foreground."),
    "status": Entry("connector.cli.status:status", "Show key results with value, progress, state, source and age."),
    "check-in": Entry("connector.cli.checkin:check_in", "File an update for a key result."),
    "export": Entry("connector.cli.exchange:export", "Write key results as CSV, XLSX, JSON or PPTX."),
    "import": Entry("connector.cli.exchange:import_", "Read key results from a file."),
    "replay": Entry("connector.cli.replay:replay", "Work stored webhooks off once more."),
    "doctor": Entry("connector.cli.doctor:doctor", "Check the installation and name the mend for each fault."),
    "webhook": Entry("connector.cli.webhook:webhook", "Set up a webhook whose secret comes from the host."),
    "forge": Entry("connector.cli.forge:forge", "The Forge app that shows panels inside Jira."),
    "notion": Entry("connector.cli.notion:notion", "OKR databases and the leads' page in Notion."),
    "goals": Entry("connector.cli.goals:goals", "Show key results at goals of Atlassian."),
    "sign-in-link": Entry("connector.cli.link:sign_in_link", "Make a link that signs an admin in once."),
    "channel": Entry("connector.cli.channel:channel", "The mail server and the chat rooms that messages go to."),
    "token": Entry("connector.cli.token:token", "Make API tokens."),
    "secrets": Entry("connector.cli.secrets:secrets", "Seal stored secrets anew after a change of the key."),
    "db": Entry("connector.cli.db:db", "Database migrations."),
}


class LazyGroup(click.Group):
    """A click group whose commands are looked up in ``COMMANDS`` and imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The command names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command object; None for an unknown name. Raises ``ClickException`` when its module is not installed."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module_name, _, attribute = entry.target.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            # Only our own module may be missing; a missing library is a broken installation and must show itself.
            if error.name != module_name:
                raise
            raise click.ClickException(f"The command {cmd_name!r} is not part of this installation.") from None
        command = getattr(module, attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table, without importing a single one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but offering near matches by name only: click would import every command to build them."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = [name for name in COMMANDS if name.startswith(args[0][:2])]
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(installed_version("okr-connector"), prog_name="okr-connector")
def cli() -> None:
    """OKR tracking that lives inside Jira and Notion.

    Settings come from the environment (OKR_…) and a .env file. Exit codes: 0 success, 1 work failed, 2 bad input or usage.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 work failed, 2 bad input or usage. Never shows a traceback for a known error."""
    try:
        cli.main(args=list(arguments) if arguments is not None else None, prog_name="okr-connector")
    except ConnectorError as error:
        log.debug("command failed", exc_info=True)
        click.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, InputError) else 1)

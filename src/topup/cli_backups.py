"""The commands that keep everything in a file, bring it back, and say which copy is the one to go on with.

Part of `topup.cli`, whose manners hold: one thing is called, a refusal is one sentence, and exit status 1 says that
somebody must look.
"""

from pathlib import Path
from typing import Annotated

import typer

from topup import errors, terminal
from topup.runtime import environment
from topup.settings import Settings

commands = typer.Typer()


@commands.command()
def backup(
    target: Annotated[str, typer.Argument(help="A new file, or a folder/ to put one into.")],
    data: Annotated[Path | None, typer.Option(help="Back up the demo kept here.")] = None,
) -> None:
    """Write everything in the database, as it is at one moment, into one file, while all goes on."""
    from topup.runtime import logs, verifying
    from topup.runtime.backups import archive, taking

    async def work(url: str) -> None:
        taken = await taking.take(url, archive.asked(target), say=terminal.say)
        terminal.say(f"{taken.manifest.sentence}, in {taken.path.absolute()}.")

    terminal.prepare()
    logs.configure("critical")
    with terminal.ended_early_is_failure(), verifying.database_url(environment.read(), data) as url:
        terminal.run(work(url))


@commands.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="A file that `topup backup` made.")],
    anchor: Annotated[
        Path | None, typer.Option(exists=True, help="A later anchor, which tells what the backup is too old to have.")
    ] = None,
    may_erase: Annotated[bool, typer.Option("--erase-what-is-there", help="Erase the database first.")] = False,  # noqa: FBT002 - an option
    data: Annotated[Path | None, typer.Option(help="Restore into the demo kept here.")] = None,
) -> None:
    """Bring a backup into an empty database, and prove it. Exit status 1 when something in it does not hold."""
    from topup.runtime import logs, verifying
    from topup.runtime.backups import restoring

    async def work(url: str) -> None:
        wanted = restoring.Wanted(backup, anchor=anchor, may_erase=may_erase)
        if not await restoring.restore(url, wanted, say=terminal.say):
            raise typer.Exit(1)

    terminal.prepare()
    logs.configure("critical")
    with terminal.ended_early_is_failure(), verifying.database_url(environment.read(), data) as url:
        terminal.run(work(url))


@commands.command()
def adopt(
    is_sure: Annotated[bool, typer.Option("--nothing-else-runs", help="Confirm it.")] = False,  # noqa: FBT002 - an option
) -> None:
    """Confirm that a restored or moved database is the one to go on with: no other copy mails, charges or credits."""
    from topup.runtime import start

    terminal.prepare()
    settings = environment.read()
    url = settings.database_url.get_secret_value()
    if not url:
        raise errors.Unavailable("DATABASE_URL is not set.")
    start.ensure_database(url)
    terminal.run(_adopt(settings, is_sure=is_sure))


async def _adopt(settings: Settings, *, is_sure: bool) -> None:
    from topup.flows import adopt as flow
    from topup.runtime import house

    async with house.opened(settings) as home:
        faults = await flow.look(home.pool)
        if not faults:
            terminal.say("There is nothing to confirm: this database is where it always was.")
        elif not is_sure:
            raise errors.Unavailable(
                f"{faults[0][:1].upper()}{faults[0][1:]}. Once neither serve nor worker runs on the original any more,"
                " confirm it: `topup adopt --nothing-else-runs`."
            )
        else:
            await flow.adopt(home.pool)
            terminal.say("Confirmed: serve, worker and reconcile start on this database from now on.")

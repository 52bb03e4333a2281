"""The commands about what Stripe says: its events here, and its books beside ours.

Part of `topup.cli`, whose manners hold: one thing is called, a refusal is one sentence, exit status 1 says that
somebody must look.
"""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from topup import errors, terminal
from topup.runtime import environment
from topup.settings import Settings

events = typer.Typer(no_args_is_help=True, help="What Stripe told us, and what became of it.")

Data = Annotated[Path | None, typer.Option(help="Work on the demo kept here.")]


@events.command("list")
def list_events(
    outcome: Annotated[str | None, typer.Option(help="credited, review, waiting, dead, unknown_type ...")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="A type of Stripe's, such as invoice.paid.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    data: Data = None,
) -> None:
    """List events, latest arrival first."""
    from topup.db import inbox
    from topup.runtime import inbox_desk

    async def work(url: str) -> None:
        async with inbox_desk.opened(url) as pool:
            wanted = inbox.Wanted(outcome=outcome, type=kind)
            terminal.say("\n".join(await inbox_desk.listed(pool, wanted, limit=limit)))

    _with_database(data, work)


@events.command("show")
def show_event(event_id: str, data: Data = None) -> None:
    """Show one event with all that Stripe said in it, which holds what buyers told Stripe."""
    from topup.runtime import inbox_desk

    async def work(url: str) -> None:
        async with inbox_desk.opened(url) as pool:
            terminal.say("\n".join(await inbox_desk.shown(pool, event_id)))

    _with_database(data, work)


@events.command("replay")
def replay_events(
    event_id: Annotated[str | None, typer.Argument(help="The event to apply again.")] = None,
    is_all_failed: Annotated[bool, typer.Option("--failed", help="All that failed, instead of one.")] = False,  # noqa: FBT002 - an option
    data: Data = None,
) -> None:
    """Apply events again, now. What they have done they do not do twice. Exit status 1 when one fails again."""
    from topup.runtime import inbox_desk

    if (event_id is None) != is_all_failed:
        raise errors.Invalid("Name one event, or say --failed.")

    async def work(url: str) -> None:
        async with inbox_desk.opened(url) as pool:
            is_well, lines = await (
                inbox_desk.replayed_failed(pool) if event_id is None else inbox_desk.replayed(pool, event_id)
            )
        terminal.say("\n".join(lines))
        if not is_well:
            raise typer.Exit(1)

    _with_database(data, work)


def _with_database(data: Path | None, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    from topup.runtime import logs, verifying

    terminal.prepare()
    logs.configure("critical")
    with terminal.ended_early_is_failure(), verifying.database_url(environment.read(), data) as url:
        terminal.run(work(url))


def reconcile(
    is_dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")] = False,  # noqa: FBT002 - an option
    days: Annotated[int, typer.Option(min=1, max=400, help="How far to look back.")] = 30,
    data: Data = None,
) -> None:
    """Compare our payments with Stripe's books, both ways; mend what was lost, and list what is unexplained.

    Exit status 0: nothing is left to explain. 1: something is, or Stripe could not be asked to the end.
    """
    from topup.runtime import demo, logs

    terminal.prepare()
    logs.configure("critical")
    with terminal.ended_early_is_failure(), demo.meant(environment.read(), data) as settings:
        terminal.run(_reconcile(settings, days, is_dry_run))


async def _reconcile(settings: Settings, days: int, is_dry_run: bool) -> None:  # noqa: FBT001 - as it was typed
    from topup.runtime import reconciling

    outcome = await reconciling.run(settings, days=days, is_dry_run=is_dry_run)
    terminal.say("\n".join(outcome.lines))
    if not outcome.is_explained:
        raise typer.Exit(1)

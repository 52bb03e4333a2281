"""The command line: each command reads its settings, opens what it needs, calls one thing and says how it went.

A refusal is one sentence on standard error and exit status 1, never a traceback. Commands import what they need when
they run, so that `--help` is quick.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topup import cli_backups, cli_stripe, errors, terminal
from topup.runtime import environment
from topup.settings import Settings

if TYPE_CHECKING:
    import socket

    from topup.core.api_keys import Scope
    from topup.runtime.demo import Stage

SANDBOX_PORT = 8420
SANDBOX_DATA = "stripe-sandbox.sqlite"

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Prepaid credits through Stripe."
)
users = typer.Typer(no_args_is_help=True, help="People.")
app.add_typer(users, name="users")
keys = typer.Typer(no_args_is_help=True, help="API keys of host applications.")
app.add_typer(keys, name="keys")
app.add_typer(cli_stripe.events, name="events")
app.add_typer(cli_backups.commands)
app.command()(cli_stripe.reconcile)


def main() -> None:
    """The entry point, `topup`."""
    try:
        app()
    except errors.TopupError as fault:
        typer.echo(fault.detail, err=True)
        sys.exit(1)


@app.command()
def demo(
    port: Annotated[int | None, typer.Option(help="The app's port, instead of the last one or a free one.")] = None,
    data: Annotated[Path | None, typer.Option(help="Where everything is kept. Deleting it starts afresh.")] = None,
) -> None:
    """Run everything on this machine: the app, a database, an offline Stripe."""
    from topup.runtime import demo as stages
    from topup.runtime import demo_folder, logs

    terminal.prepare()
    stages.be_local()
    given = environment.read()
    stages.ensure_not_live(given)
    logs.configure("warning" if given.log_level == "info" else given.log_level)
    folder = (data or demo_folder.default()).absolute()
    with terminal.ended_in_order(), demo_folder.taken(folder):
        bound = _bind_for_demo(folder, port)
        with contextlib.closing(bound), stages.opened(folder, given, bound=bound) as stage:
            terminal.run(_demo(stage, bound))


@app.command()
def serve() -> None:
    """Answer HTTP requests, with the settings of the environment."""
    from topup.runtime import logs

    terminal.prepare()
    settings = environment.read()
    logs.configure(settings.log_level)
    with terminal.ended_in_order():
        terminal.run(_serve(settings))


@app.command()
def worker() -> None:
    """Do what happens without anybody asking: mails, retries, timers."""
    from topup.runtime import logs

    terminal.prepare()
    settings = environment.read()
    logs.configure(settings.log_level)
    with terminal.ended_in_order():
        terminal.run(_work(settings))


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date, and make the role that the app works as."""
    from topup.db import app_role
    from topup.db import migrate as schema

    url = _database_url(environment.read())
    schema.upgrade(url)
    typer.echo(f"The schema is at {schema.head_revision()}.")
    if not app_role.ensure(url):
        typer.echo(
            f"The role {app_role.NAME} could not be made with these rights, so triggers alone guard the ledger.",
            err=True,
        )


@app.command()
def seed() -> None:
    """Put the three packages of a new deployment on sale."""
    terminal.prepare()
    settings = environment.read()
    _ensure_database(settings)
    terminal.run(_seed(settings))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sandbox(context: typer.Context) -> None:
    """Run the offline Stripe alone; `topup sandbox --help` shows its options."""
    given = context.args
    defaults = {"--port": str(SANDBOX_PORT), "--data": SANDBOX_DATA}
    absent = [part for name, value in defaults.items() if not _is_given(name, given) for part in (name, value)]
    os.execv(sys.executable, [sys.executable, "-m", "stripe_sandbox", *absent, *given])  # noqa: S606 - our own program


@app.command()
def doctor(
    url: Annotated[str | None, typer.Option(help="Look at a running server from outside instead.")] = None,
    buy: Annotated[bool, typer.Option("--buy", help="Make a whole visit in test mode, too.")] = False,  # noqa: FBT002 - an option
    email: Annotated[str | None, typer.Option(help="Visit with this account; its password is asked for.")] = None,
    mail_to: Annotated[str | None, typer.Option(help="Send a test mail to this address.")] = None,
    data: cli_stripe.Data = None,
) -> None:
    """Say what is right and what is wrong, line by line, each with what mends it."""
    from topup.runtime import logs
    from topup.runtime.doctor import examination

    terminal.prepare()
    logs.configure("critical")
    asked = examination.Asked(
        url=url, is_buying=buy, email=email or "", password=_password() if email else "", mail_to=mail_to, data=data
    )
    if not examination.run(asked):
        raise typer.Exit(1)


@app.command()
def verify(
    anchor: Annotated[Path | None, typer.Option(help="Compare with the heads kept here, then keep today's.")] = None,
    data: cli_stripe.Data = None,
) -> None:
    """Check that everything holds which must hold of the data, while all goes on; freeze accounts where it does not."""
    from topup.runtime import logs, verifying

    terminal.prepare()
    logs.configure("critical")
    given = environment.read()
    with terminal.ended_early_is_failure(), verifying.database_url(given, data) as url:
        terminal.run(_verify(url, anchor))


@users.command("create-admin")
def create_admin(
    email: str,
    first_name: Annotated[str, typer.Option(help="As the admin is greeted.")] = "Admin",
    last_name: Annotated[str, typer.Option(help="May be empty.")] = "",
    reset_password: Annotated[  # noqa: FBT002 - an option
        bool, typer.Option("--reset-password", help="Also where the address has an account, whose password this ends.")
    ] = False,
    data: cli_stripe.Data = None,
) -> None:
    """Make somebody an admin, with a password that is asked for, or read from standard input."""
    from topup.runtime import people

    terminal.prepare()
    with terminal.ended_early_is_failure(), _settings(data) as settings:
        address, password = people.address(email), _password(is_new=True)
        people.ensure_password(password)
        names = (first_name, last_name)
        terminal.run(_told(people.make_admin(settings, address, password, names, is_password_reset=reset_password)))


@users.command("ban")
def ban_user(
    email: str,
    lift: Annotated[bool, typer.Option("--lift", help="Let them in again.")] = False,  # noqa: FBT002 - an option
    data: cli_stripe.Data = None,
) -> None:
    """Shut a person out at once: every sign-in ends, and no new one is opened. What they have stays theirs."""
    from topup.runtime import people

    terminal.prepare()
    with terminal.ended_early_is_failure(), _settings(data) as settings:
        terminal.run(_told(people.shut_out(settings, people.address(email), is_lifted=lift)))


@users.command("erase")
def erase_user(
    email: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,  # noqa: FBT002 - an option
    data: cli_stripe.Data = None,
) -> None:
    """Erase a person for ever, here and at Stripe; what they bought and spent stays in the books, without a name."""
    from topup.runtime import people

    terminal.prepare()
    with terminal.ended_early_is_failure(), _settings(data) as settings:
        address = people.address(email)
        if not yes:
            typer.confirm(f"Erase {address} for ever? Nothing brings it back.", abort=True)
        terminal.run(_told(people.forget(settings, address)))


@keys.command("create")
def create_key(
    scope: Annotated[list[str], typer.Option(help="read, spend, grant or admin; may be given several times.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "Host application",
    data: cli_stripe.Data = None,
) -> None:
    """Make an API key and print it, this once."""
    from topup.core import api_keys

    terminal.prepare()
    unknown = [word for word in scope if word not in api_keys.SCOPES]
    if unknown:
        raise errors.Invalid(f"There is no scope {unknown[0]}; there are {', '.join(api_keys.SCOPES)}.")
    if not 1 <= len(name.strip()) <= api_keys.NAME_LENGTH_MAX:
        raise errors.Invalid(f"A name has 1 to {api_keys.NAME_LENGTH_MAX} characters.")
    with terminal.ended_early_is_failure(), _settings(data) as settings:
        terminal.run(_create_key(settings, name.strip(), [known for known in api_keys.SCOPES if known in scope]))


async def _demo(stage: "Stage", bound: "socket.socket") -> None:
    from topup import worker as work
    from topup.db import app_role
    from topup.runtime import demo_words, house
    from topup.web import app as web
    from topup.web import serving, work_figures

    stop = terminal.stop_by_signals()
    async with house.opened(stage.settings, role=app_role.NAME) as home:
        await stage.furnish(home)
        async with asyncio.TaskGroup() as group:
            group.create_task(work.run(home, stop=stop))
            group.create_task(work_figures.watch(home.pool, stop=stop))
            group.create_task(stage.keep_stripe_running(stop))
            await serving.serve(
                web.create_app(home),
                bound,
                settings=stage.settings,
                stop=stop,
                on_ready=lambda: terminal.say(demo_words.of(stage)),
            )


async def _serve(settings: Settings) -> None:
    from topup.runtime import start
    from topup.web import app as web
    from topup.web import metrics, serving, work_figures

    stop = terminal.stop_by_signals()
    async with start.opened(settings) as home:
        shown = metrics.shown(settings.host, settings.metrics_port)
        with contextlib.closing(serving.bind(settings.host, settings.port)) as bound, shown:
            async with asyncio.TaskGroup() as group:
                group.create_task(work_figures.watch(home.pool, stop=stop))
                await serving.serve(web.create_app(home), bound, settings=settings, stop=stop)


async def _work(settings: Settings) -> None:
    from topup import worker as work
    from topup.runtime import start
    from topup.web import metrics

    stop = terminal.stop_by_signals()
    async with start.opened(settings) as home:
        with metrics.shown(settings.host, settings.worker_metrics_port):
            await work.run(home, stop=stop)


async def _verify(url: str, anchor: Path | None) -> None:
    from topup.runtime import verifying

    outcome = await verifying.run(url, anchor=anchor)
    terminal.say("\n".join(outcome.lines))
    if not outcome.is_well:
        raise typer.Exit(1)


async def _seed(settings: Settings) -> None:
    from topup.flows import seed_packages, session_prices
    from topup.runtime import house

    async with house.opened(settings) as home:
        added = await seed_packages.seed(home.pool)
        tiers = await session_prices.seed(home.pool)
    typer.echo(f"{added} packages and {tiers} session prices added.")


async def _told(work: Coroutine[Any, Any, list[str]]) -> None:
    terminal.say("\n".join(await work))


async def _create_key(settings: Settings, name: str, scopes: "list[Scope]") -> None:
    from topup.flows import keys as flow
    from topup.runtime import house

    async with house.opened(settings) as home:
        created = await flow.create(home.pool, name=name, scopes=scopes, created_by=None)
    typer.echo(created.text)


def _bind_for_demo(folder: Path, port: int | None) -> "socket.socket":
    """The port that was asked for or none; else the last one, else a free one."""
    from topup.runtime import demo as stages
    from topup.runtime import demo_folder
    from topup.web import serving

    if port is not None:
        return serving.bind(stages.HOST, port)
    try:
        return serving.bind(stages.HOST, demo_folder.last_port(folder))
    except errors.Unavailable:
        return serving.bind(stages.HOST, 0)


def _database_url(settings: Settings) -> str:
    url = settings.database_url.get_secret_value()
    if not url:
        raise errors.Unavailable("DATABASE_URL is not set.")
    return url


@contextlib.contextmanager
def _settings(data: Path | None) -> Iterator[Settings]:
    """The environment's settings, or those of the demo kept here, on a database that can be worked with."""
    from topup.runtime import demo as stages

    with stages.meant(environment.read(), data) as settings:
        if settings.is_demo:
            typer.echo("On the demo that is kept here, since DATABASE_URL is not set.", err=True)
        _ensure_database(settings)
        yield settings


def _ensure_database(settings: Settings) -> None:
    from topup.runtime import start

    start.ensure_database(_database_url(settings))


def _password(*, is_new: bool = False) -> str:
    """Typed unseen at a terminal; otherwise the first line of standard input, for scripts."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=is_new))
    return sys.stdin.readline().rstrip("\r\n")


def _is_given(name: str, arguments: list[str]) -> bool:
    return any(argument == name or argument.startswith(f"{name}=") for argument in arguments) or "--help" in arguments

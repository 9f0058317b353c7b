"""`polyplane`: the commands, their flags and what they are for.

1. This module imports nothing slow: each command brings what it needs when it is called.
2. A command is a client of the public API; `serve`, `config` and `stop --all` alone read settings.
3. Every command ends with a code of `protocol/cli/exits.py`, and says what went wrong in one line.
"""

# ruff: noqa: PLC0415, FBT002, PLR0917 - see rule 1; flags of a command are its arguments
import gc
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from protocol.cli.early import heed_signals
from protocol.cli.exits import Exit
from protocol.cli.output import Output
from protocol.cli.talking import SERVER, OutputOption, ServerOption, TimeoutOption, finish, talk
from protocol.cli.version import VersionOption
from protocol.transport import environment

EPILOG = """Exit codes: 0 done; 1 the job failed or the server refused; 2 wrong flags, files or
configuration; 3 not found; 4 server not reached or time up; 5 somebody else was first; 6 not
allowed; 130 interrupted.

Environment: POLYPLANE_SERVER, POLYPLANE_TOKEN (bearer token) and POLYPLANE_CA (certificates, turns
TLS on) for the clients; every setting of `serve` as POLYPLANE_SECTION__KEY.

Jobs and pods are named job/ID and pod/ID-INSTANCE; a bare id or the name of a job will do as well."""

app = typer.Typer(
    name="polyplane",
    help="One event-sourced control plane behind five gRPC APIs: the server and its terminal client.",
    epilog=EPILOG,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(_: VersionOption = False) -> None:
    """Take what stands before the command."""


@app.command()
def serve(
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Data directory, or :memory:.")] = None,
    listen: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where gRPC listens.")] = None,
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where HTTP listens.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file with settings.")] = None,
    insecure: Annotated[
        bool | None,
        typer.Option("--insecure", help="Serve beyond loopback without TLS and tokens."),
    ] = None,
) -> None:
    """Run the server until it is told to stop."""
    gc.disable()  # what is imported and read until the server is ready stays; `run` enables it again
    from protocol.cli import serve as command
    from protocol.facades import TEXTS, make_facades
    from protocol.plane import Plane, Unusable

    flags = {"data": data, "listen": listen, "http": http, "config": config, "insecure": insecure}
    raise typer.Exit(command.serve(flags, partial(Plane.open, texts=TEXTS), make_facades, Unusable))


@app.command()
def config(
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file with settings.")] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print the settings in force, and where each came from."""
    from protocol.cli.settings import show_settings

    raise typer.Exit(show_settings({"config": config}, is_json=output is Output.JSON))


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="YAML file with the job.")],
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the pods have come up, or will not.")
    ] = False,
    timeout: TimeoutOption = 300.0,
    key: Annotated[str, typer.Option(help="Idempotency key: the same key never makes a second job.")] = "",
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make a job of a file."""
    from protocol.cli import jobs

    finish(server, lambda it: jobs.submit(it, file, output, key=key, wait=wait, timeout_s=timeout))


@app.command()
def jobs(
    name: Annotated[str, typer.Option(help="Only jobs with this in their name.")] = "",
    owner: Annotated[str, typer.Option(help="Only jobs of this owner.")] = "",
    state: Annotated[str, typer.Option(help="Only jobs in this state, such as running.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """List jobs, newest first."""
    from protocol.cli import jobs as it

    finish(server, lambda to: it.show_jobs(to, output, name=name, owner=owner, state=state, limit=limit))


@app.command()
def pods(
    job: Annotated[str, typer.Argument(help="The job; all jobs if left out.")] = "",
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """List the pods of a job."""
    from protocol.cli import pods as it

    finish(server, lambda to: it.show_pods(to, job, output))


@app.command()
def logs(
    pod: Annotated[str, typer.Argument(help="The pod, or one of its runs.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    container: Annotated[str, typer.Option(help="The container; the first one if left out.")] = "",
    stderr: Annotated[bool, typer.Option("--stderr", help="What it wrote to stderr.")] = False,
    run: Annotated[int, typer.Option(min=0, help="The run; the current one if left out.")] = 0,
    server: ServerOption = SERVER,
) -> None:
    """Print what a pod wrote."""
    from protocol.cli import logs as it

    def find(name: str, of_run: int) -> it.LogFile:
        return talk(
            server,
            lambda to: it.find_log(
                to, name, container=container, stderr=stderr, run=of_run, is_followed=follow
            ),
        )

    raise typer.Exit(it.print_log(find, pod, run, is_followed=follow))


@app.command()
def stop(
    name: Annotated[str, typer.Argument(metavar="JOB|POD", help="What is to stop.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="End the server of a data directory, all its pods and their agents.")
    ] = False,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="The directory for --all; no server need run.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has stopped.")] = False,
    timeout: TimeoutOption = 300.0,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stop a job or a pod; or, with --all, everything on this machine that a data directory knows."""
    from protocol.cli import jobs
    from protocol.cli.connection import Failed

    if everything == bool(name) or (data is not None and not everything):
        raise Failed(Exit.USAGE, "stop: needs a job or a pod, or --all with or without --data")
    if everything:
        from protocol.cli.halt import stop_all

        raise typer.Exit(stop_all({"data": data}, output))
    finish(server, lambda it: jobs.stop(it, name, output, wait=wait, timeout_s=timeout))


@app.command()
def delete(
    job: Annotated[str, typer.Argument(help="The job.")],
    force: Annotated[bool, typer.Option("--force", help="Also when it has not been stopped.")] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Delete a job."""
    from protocol.cli import jobs

    finish(server, lambda it: jobs.delete(it, job, output, force=force))


@app.command()
def watch(
    start: Annotated[
        int, typer.Option("--from", min=0, max=2**63 - 1, help="First revision wanted; 0 is from now on.")
    ] = 0,
    job: Annotated[str, typer.Option(help="Only this job, or its pods.")] = "",
    pods: Annotated[bool, typer.Option("--pods", help="Pods instead of jobs.")] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print changes as they happen, across restarts of the server."""
    from protocol.cli import pods as it

    finish(server, lambda to: it.watch(to, output, start=start, job=job, pods=pods))


@app.command()
def history(
    entity: Annotated[str, typer.Argument(help="The entity, such as job/ID, pod/ID-0 or host/NAME.")],
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many events.")] = 50,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """List what happened to an entity and who caused it, newest first."""
    from protocol.cli import rewind

    finish(server, lambda it: rewind.history(it, entity, output, limit=limit))


@app.command()
def show(
    entity: Annotated[str, typer.Argument(help="The entity, such as job/ID, pod/ID-0 or host/NAME.")],
    at: Annotated[str, typer.Option(metavar="REVISION|TIME", help="The moment; now if left out.")] = "",
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print the state of an entity, now or at any moment of the past."""
    from protocol.cli import rewind

    finish(server, lambda it: rewind.show(it, entity, output, at=at))


@app.command()
def diff(
    entity: Annotated[str, typer.Argument(help="The entity, such as job/ID, pod/ID-0 or host/NAME.")],
    start: Annotated[str, typer.Option("--from", metavar="REVISION|TIME", help="The earlier moment.")],
    end: Annotated[
        str, typer.Option("--to", metavar="REVISION|TIME", help="The later moment; now if left out.")
    ] = "",
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print in what two states of an entity differ."""
    from protocol.cli import rewind

    finish(server, lambda it: rewind.diff(it, entity, output, start=start, end=end))


@app.command()
def replay(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Data directory; its server may run.")],
    entity: Annotated[str, typer.Option(help="Only this entity, such as job/ID.")] = "",
    step: Annotated[bool, typer.Option("--step", help="Wait for Enter after each event.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Fold a journal with today's code, offline and read-only, and say what is wrong with it.

    Exit code 1 when something is wrong, 2 when the journal cannot be read.
    """
    from protocol.cli import replay as command

    raise typer.Exit(command.replay(data, output, entity=entity, is_stepped=step, is_check=check))


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many seeds, one after another.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the storm before the calm.")] = 1_800,
    faults: Annotated[
        str, typer.Option(help="What may go wrong: some of crash,stop,disk,run,link,host; empty for nothing.")
    ] = "crash,stop,disk,run,link,host",
    story: Annotated[bool, typer.Option("--story", help="Tell the story also of seeds that hold.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run the whole server on simulated time with faults, and tell the story of a seed that fails."""
    from protocol.cli import simulate as it

    is_json = output is Output.JSON
    raise typer.Exit(
        it.run(seed=seed, count=count, steps=steps, faults=faults, is_told=story, is_json=is_json)
    )


quantum = typer.Typer(help="Quantum jobs.", no_args_is_help=True)
app.add_typer(quantum, name="quantum")


@quantum.command("submit")
def submit_quantum(
    file: Annotated[Path, typer.Argument(help="Quil file with the programme.")],
    shots: Annotated[int, typer.Option(min=1, max=65_535, help="How often to run it.")] = 1000,
    watch: Annotated[bool, typer.Option("--watch", help="Wait, and print the outcomes.")] = False,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="REGION=NUMBERS", help="What a region of reals begins with.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same outcomes.")] = None,
    target: Annotated[str, typer.Option(help="Quantum processor; needed where there are several.")] = "",
    limit: Annotated[
        float | None, typer.Option(min=0, max=1e9, help="Seconds that it may hold the processor.")
    ] = None,
    key_id: Annotated[str, typer.Option("--key-id", help="Encrypt with this key of the keys file.")] = "",
    keys_file: Annotated[Path | None, typer.Option("--keys-file", help="TOML file with keys.")] = None,
    key: Annotated[
        str, typer.Option(help="Idempotency key, a UUID: the same key never makes a second job.")
    ] = "",
    timeout: TimeoutOption = 3600.0,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run a quantum programme."""
    from protocol.cli import quantum as command

    wish = command.Wish(
        file=file,
        shots=shots,
        seed=seed,
        target=target,
        limit_s=limit,
        parameters=tuple(parameter or ()),
        key_id=key_id,
        keys_file=keys_file,
        key=key,
    )
    finish(server, lambda it: command.submit(it, wish, output, watch=watch, timeout_s=timeout))


fn = typer.Typer(help="Functions.", no_args_is_help=True)
app.add_typer(fn, name="fn")


@fn.command("deploy")
def deploy_function(
    name: Annotated[str, typer.Argument(help="What it is to be called.")],
    command: Annotated[str, typer.Option(help="What is run for it, as a shell would split it.")] = "",
    directory: Annotated[Path, typer.Option("--dir", help="Where it is run, on the server.")] = Path(),
    env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Its environment; may be repeated.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Have a function run under a name, in place of any before, from now on and after restarts."""
    from protocol.cli import functions as it

    if bool(command) is remove:
        raise typer.BadParameter("either --command or --remove must be given")
    wish = it.Deployment(name=name, command=command, directory=directory, environment=tuple(env or ()))
    finish(server, lambda to: it.deploy(to, wish, output))


@fn.command("call")
def call_function(
    name: Annotated[str, typer.Argument(help="The function: its image, as it is configured.")],
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME: VALUE", help="A header for it; may be repeated.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Wait for its end, not for its answer.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Seconds that it may take.")] = 30,
    memory: Annotated[int, typer.Option(min=0, help="Megabytes that are reserved for it.")] = 128,
    timeout: TimeoutOption = 300.0,
    server: ServerOption = SERVER,
) -> None:
    """Call a function: stdin is its request, its answer goes to stdout."""
    from protocol.cli import functions as command
    from protocol.cli.connection import Failed

    wish = command.Wish(
        name=name, headers=tuple(header or ()), is_detached=detach, timeout_s=limit, memory_mb=memory
    )
    if sys.stdin is None:
        raise Failed(Exit.USAGE, "stdin: is closed")
    ends = sys.stdin.fileno(), sys.stdout.buffer
    finish(server, lambda it: command.call(it, wish, *ends, wait_s=timeout))


def main() -> None:
    """Run `polyplane`, and end the process with its exit code."""
    if sys.argv[1:2] == ["serve"]:
        heed_signals()  # before the flags are read, which takes a while
    environment.prepare()
    from protocol.cli.ending import end
    from protocol.cli.terminal import guard

    def run() -> object:
        guard()
        return app(standalone_mode=False)

    sys.exit(end(run))

"""Functions from the terminal: stdin is the request, stdout the answer, both streamed.

1. Nothing but the answer is on stdout; why a call failed is on stderr.
2. A call is made once: what it did is not known when it fails.
3. A call that is over ends the command, whatever there is to read still.
"""

import asyncio
import json
import os
import shlex
import sys
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import grpc

from protocol.cli.connection import Connection, Failed, failure
from protocol.cli.exits import Exit
from protocol.cli.output import Output
from protocol.cli.printing import print_json
from protocol.fn.deployment import SETTING
from protocol.fn.translate.local import LocalCall, body_frames, opening
from protocol.pb.fn import runner_pb2 as pb
from protocol.pb.fn.runner_pb2_grpc import RunnerProtocolStub

PIECE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for."""

    name: str
    headers: tuple[str, ...] = ()
    """Each `NAME: VALUE`."""
    is_detached: bool = False
    timeout_s: int = 30
    memory_mb: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is to be run for a name."""

    name: str
    command: str
    """As a shell would split it; empty to take the function away."""
    directory: Path
    environment: tuple[str, ...] = ()
    """Each `NAME=VALUE`."""


async def deploy(connection: Connection, deployment: Deployment, output: Output) -> Exit:
    """Have a function run under a name, or no longer."""
    document = _document(deployment) if deployment.command else None
    text = "" if document is None else json.dumps(document)
    setting = pb.ConfigMsg(config={f"{SETTING}{deployment.name}": text})
    await connection.write(RunnerProtocolStub(connection.channel).ConfigureRunner, setting)
    if output is Output.JSON:
        print_json({"function": deployment.name, "deployed": document})
    return Exit.OK


def _document(deployment: Deployment) -> dict[str, object]:
    environment = {}
    for each in deployment.environment:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise Failed(Exit.USAGE, f"--env: must be NAME=VALUE (got {each!r})")
        environment[name] = value
    try:
        command = shlex.split(deployment.command)
    except ValueError as error:
        raise Failed(Exit.USAGE, f"--command: {str(error).lower()}") from None
    if not deployment.directory.is_dir():
        raise Failed(Exit.USAGE, f"--dir: {deployment.directory} is no directory")
    directory = str(deployment.directory.absolute())
    return {"command": command, "directory": directory, "environment": environment}


async def call(connection: Connection, wish: Wish, source: int, sink: BinaryIO, *, wait_s: float) -> Exit:
    """Call a function once; its request is read from a descriptor."""
    request = LocalCall(
        name=wish.name,
        call_id=str(uuid.uuid4()),
        headers=tuple(_header(each) for each in wish.headers),
        is_detached=wish.is_detached,
        timeout_s=wish.timeout_s,
        memory_mb=wish.memory_mb,
    )

    broken: list[OSError] = []

    async def messages() -> AsyncIterator[pb.ClientMsg]:
        yield opening(request)
        more = True
        while more:
            try:
                piece = await read_piece(source)
            except OSError as error:
                broken.append(error)  # what is raised here only cancels the call
                raise
            more = bool(piece)
            for frame in body_frames(piece, is_last=not more):
                yield frame

    stub = RunnerProtocolStub(connection.channel)
    try:
        stream = stub.Engage(messages(), metadata=connection.metadata, timeout=wait_s)
        finished = await _listen(stream, sink)
    except grpc.aio.AioRpcError as error:
        raise failure(error, connection.server) from None
    except asyncio.CancelledError:
        if not broken:
            raise
        raise Failed(Exit.USAGE, f"stdin: {broken[0].strerror}") from None
    if finished.success:
        return Exit.OK
    code = finished.errorCode
    sys.stderr.write(f"polyplane: {code or 500}: {finished.errorStr}\n")
    return Exit.UNAVAILABLE if code == 503 else Exit.FAILED  # noqa: PLR2004 - no room now


async def read_piece(descriptor: int) -> bytes:
    """Read what there is, waiting for it on the loop: a thread that waits could not be given up."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:
        pass  # a file, or nothing at all: it never has to be waited for
    else:
        try:
            await ready.wait()
        finally:
            loop.remove_reader(descriptor)
    return os.read(descriptor, PIECE)


async def _listen(stream: AsyncIterable[pb.RunnerMsg], sink: BinaryIO) -> pb.CallFinished:
    async for message in stream:
        match message.WhichOneof("body"):
            case "data":
                sink.write(message.data.data)
                sink.flush()
            case "finished":
                return message.finished
            case _:
                pass
    raise Failed(Exit.FAILED, "the server ended the call without a word")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Failed(Exit.USAGE, f"--header: must be NAME: VALUE (got {text!r})")
    return name.strip(), value.strip()

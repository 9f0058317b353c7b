"""The link to an agent: what is said while its connection ends is lost without a sound."""

import asyncio
import json
from pathlib import Path

import pytest
import uvloop

from actors.effects.engines.process import client
from actors.effects.engines.process.client import AgentLink
from actors.effects.engines.process.frames import VERSION, encode
from actors.effects.engines.process.layout import HostFiles


async def broken_connections(directory: Path) -> None:
    """Let one connection after another break, and say something before anybody could hear of it."""
    files = HostFiles(directory, "host-1")
    files.agents.mkdir()
    path = str(directory / "agent.socket")

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode("hello", VERSION, 1))
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(agent, path)
    files.note.write_text(json.dumps({"socket": path}))
    link = AgentLink(
        files, server="s", linger_s=1, wrapper="sh", on_connected=lambda: None, on_message=lambda _: None
    )
    await link.open()
    try:
        for _ in range(2):
            connected = link._writer
            assert connected is not None
            connected.transport.abort()
            await asyncio.sleep(0)  # the transport is closed now, and the reader has yet to hear of it
            assert link._writer is connected
            link.send("forget", "pod-0", 1)
            link._connected.clear()
            await link._connected.wait()
    finally:
        await link.close()
        server.close()


def test_what_is_said_while_a_connection_ends_is_lost(tmp_path: Path) -> None:
    uvloop.run(broken_connections(tmp_path))


@pytest.mark.asyncio
async def test_a_link_without_any_agent_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_START_S", 0.2)
    monkeypatch.setattr(client, "_BEGIN", "raise SystemExit(1)")
    link = AgentLink(
        HostFiles(tmp_path, "host-1"),
        server="s",
        linger_s=1,
        wrapper="sh",
        on_connected=lambda: None,
        on_message=lambda _: None,
    )
    with pytest.raises(TimeoutError, match="no agent of host"):
        await link.open()

"""An SSH server with SFTP on the loopback, for DVC's ssh remote: asyncssh, one key, the files of one folder."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh


@dataclass(frozen=True)
class SshServer:
    """Where it listens, and the private key that it lets in."""

    port: int
    key: Path


@contextmanager
def ssh_server(root: Path, keys: Path) -> Iterator[SshServer]:
    """Serve `root` as "/" to whoever holds the key that is written into `keys`, for as long as the block lasts."""
    client = asyncssh.generate_private_key("ssh-ed25519")
    client.write_private_key(keys / "id")
    (keys / "id").chmod(0o600)
    (keys / "authorized").write_bytes(client.export_public_key())

    def files(channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(root).encode())

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=str(keys / "authorized"),
            sftp_factory=files,
        )

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
        yield SshServer(server.get_port(), keys / "id")
        server.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()

"""A real nginx on 127.0.0.1, with a configuration of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic

from support.debian import executable
from support.prometheus import free_port

_CONFIGURATION = """\
{user}
daemon off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 1000000;
  {http}
  server {{
    listen 127.0.0.1:{port};
    {server}
  }}
}}
"""


@contextmanager
def running(folder: Path, http: str, server: str) -> Iterator[HTTPConnection]:
    """Starts nginx with these lines of its `http` and `server` sections and yields a connection to it."""
    folder.mkdir(parents=True)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_CONFIGURATION.format(user=user, http=http, server=server, port=port))
    command = [executable("nginx", "nginx"), "-p", f"{folder}/", "-c", "nginx.conf", "-e", "error.log"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        _await_ready(process, connection, folder / "error.log")
        yield connection
        connection.close()
    finally:
        process.terminate()
        process.wait(20)


def _await_ready(process: subprocess.Popen[bytes], connection: HTTPConnection, log: Path) -> None:
    deadline = monotonic() + 30
    while monotonic() < deadline:
        try:
            connection.connect()
        except ConnectionRefusedError:
            try:
                # Waiting for the process is a pause that ends at once if it dies.
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            break
        return
    raise AssertionError(f"nginx does not get ready: {log.read_text()[-2000:]}")

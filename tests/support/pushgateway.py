"""A real Pushgateway on 127.0.0.1."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.debian import executable
from support.prometheus import await_ready, free_port


@contextmanager
def pushgateway(folder: Path) -> Iterator[str]:
    """Yields its address once it is ready; it keeps nothing."""
    port = free_port()
    program = executable("prometheus-pushgateway", "prometheus-pushgateway")
    with (folder / "pushgateway.log").open("w+") as log:
        process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            await_ready(process, address, log.name)
            yield address
        finally:
            process.kill()
            process.wait()

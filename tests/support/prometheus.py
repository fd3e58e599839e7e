"""A real Prometheus on 127.0.0.1, with history from OpenMetrics text and, if wanted, a target to scrape."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import requests

from support.debian import executable

Samples = Iterable[tuple[float, float]]


Families = Mapping[str, Mapping[str, Samples]]


def openmetrics(families: Families, gauges: Families | None = None) -> str:
    """Counters as text: family name without `_total` → labels as in `pod="a"` → `(seconds since 1970, value)`.

    `gauges` are written under their names as they are.
    """
    lines = []
    for family, series in families.items():
        lines.append(f"# TYPE {family} counter")
        for labels, samples in series.items():
            lines += [f"{family}_total{{{labels}}} {value} {time:.3f}" for time, value in samples]
    for family, series in (gauges or {}).items():
        lines.append(f"# TYPE {family} gauge")
        for labels, samples in series.items():
            lines += [f"{family}{{{labels}}} {value} {time:.3f}" for time, value in samples]
    return "\n".join([*lines, "# EOF", ""])


def backfill(text: str, folder: Path) -> None:
    """Writes the text's samples as blocks into the data folder of a Prometheus that is not running yet."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder.parent / f"{folder.name}.openmetrics"
    source.write_text(text)
    command = [executable("prometheus", "promtool"), "tsdb", "create-blocks-from", "openmetrics", source, folder]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


@contextmanager
def running(folder: Path, target: str | None = None, scrape_interval: str = "1s") -> Iterator[str]:
    """Starts Prometheus on a data folder and yields its address once it is ready; `target` is `host:port`."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = f"scrape_configs: [{{job_name: test, static_configs: [{{targets: ['{target}']}}]}}]" if target else ""
    config = folder.parent / f"{folder.name}.yaml"
    config.write_text(f"global: {{scrape_interval: {scrape_interval}, scrape_timeout: {scrape_interval}}}\n{jobs}\n")
    port = free_port()
    command = [
        str(executable("prometheus", "prometheus")),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with (folder.parent / f"{folder.name}.log").open("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            await_ready(process, address, log.name)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_ready(process: subprocess.Popen[bytes], address: str, log: str) -> None:
    deadline = monotonic() + 60
    while monotonic() < deadline:
        try:
            if requests.get(f"{address}/-/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        try:
            # Waiting for the process is a pause that ends at once if it dies.
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(f"Prometheus does not get ready: {Path(log).read_text()[-2000:]}")


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""Files and answers made to exhaust: told in words, within 300 MB and 30 s, and nothing moves.

Each runs the installed command in a process of its own. `make fuzz` sets BOUNDS=whole, and throws the heavy ones, too.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from itertools import repeat
from pathlib import Path

import pytest
from support.bounded import Run, bounded
from support.chaos.services import METRICS
from support.github import FakeGitHub, strict
from support.hosted import Site
from support.repositories import START, Content, Link, revisions
from support.ticks import HOUR, NAME, STATE, World, initial, policy_text
from support.web_server import Answer, serving

from rollout_bot.core.decision.actions import OpenPull

NOW = START + 3 * HOUR
WHOLE = os.environ.get("BOUNDS") == "whole"
heavy = pytest.mark.skipif(not WHOLE, reason="too heavy for every run: make fuzz throws it")

BOMB = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" if n else "a0: &a0 [lol, lol]" for n in range(10))
SNIPPETS = {
    "laughs": BOMB,
    "quadratic": f"a: &a [{'x, ' * 5000}x]\nb: [{'*a, ' * 90}*a]",
    "aliases": f"a: &a x\nb: [{'*a, ' * 20_000}*a]",
    "itself": "a: &a [*a]",
    "mapping-itself": "a: &a {b: *a}",
    "merge": "a: &a {percentage: 100}\n<<: *a",
    "merges": "a: &a {b: c}\nd: {<<: [*a, *a, {<<: *a}]}",
    "python": "a: !!python/object/apply:os.system ['touch pwned']",
    "python-new": "a: !!python/object/new:type {}",
    "binary": "a: !!binary gIGC",
    "moment": "a: !!timestamp 2001-12-14t21:59:43.10-05:00",
    "set": "a: !!set {b, c}",
    "verbatim": "a: !<tag:yaml.org,2002:int> 5",
    "digits": f"a: {'9' * 5000}",
    "exponent": "a: 1e999999999",
    "octal": "a: 0o777777777777777777777777777",
    "sexagesimal": f"a: {':'.join(['59'] * 500)}",
    "deep-flow": f"a: {'[' * 50_000}",
    "deep-mapping": f"a: {'{a: ' * 20_000}",
    "deep-block": "\n".join("  " * n + "a:" for n in range(300)),
    "deep-sequence": f"a:\n {'- ' * 20_000}x",
    "anchors": "\n".join(f"a{n}: &b{n} x" for n in range(15_000)),
    "keys": "\n".join(f"k{n}: 1" for n in range(19_000)),
    "same-key": "a: 1\n" * 15_000,
    "long-key": f"{'k' * 200_000}: 1",
    "long-text": f'a: "{"x" * 250_000}"',
    "complex-key": "? [a, b]\n: c",
    "nul": "a: x\0y",
    "separator": "a: 'x\u2028y\u2029z'",
    "bidi": "a: 'x\u202e\u2066y'",
    "escape": 'a: "\\ud800\\udfff\\x00\\u202e"',
    "control": "a: \x1b[2J\x07",
    "directive": "---\n%YAML 9.9\n---\na: b",
    "documents": "---\na: b\n" * 20_000,
    "unfinished": 'a: "' + "x\n" * 50_000,
    "comments": "# x\n" * 60_000 + "a: b",
}
"""YAML put after a good file."""

BYTES: dict[str, Callable[[bytes], bytes]] = {
    "bom": lambda good: good.replace(b"\n", b"\n\xef\xbb\xbf"),
    "utf-16": lambda good: good.decode().encode("utf-16"),
    "utf-32": lambda good: good.decode().encode("utf-32-be"),
    "surrogates": lambda good: good + b"a: \xed\xa0\x80\xed\xbf\xbf\n",
    "latin-1": lambda good: good + b"a: caf\xe9\n",
    "overlong": lambda good: good + b"a: \xc0\xaf\n",
    "carriage-returns": lambda good: good.replace(b"\n", b"\r") + b"a: b\r",
    "lines": lambda good: good + b"\n" * 1_000_000 + b"a: b\n",
    "spaces": lambda good: good + b" " * 1_000_000,
    "empty": lambda _: b"",
    "nothing": lambda _: bytes(100_000),
    "html": lambda _: b"<!doctype html><title>404</title>",
}
"""A good file made into another."""


def hostile(good: str) -> Iterator[tuple[str, bytes]]:
    for name, snippet in SNIPPETS.items():
        yield name, f"{good.rstrip()}\n{snippet}\n".encode()
    for name, change in BYTES.items():
        yield f"bytes-{name}", change(good.encode())


def rollouts() -> dict[str, Content]:
    """A healthy rollout, and beside it one for each hostile file, which takes the place of one of its own."""
    files = initial(stage="half")
    for name, content in hostile(policy_text("@")):
        files |= initial(f"p-{name}", "half", policy_text(f"p-{name}"))
        files[f"rollout-state/p-{name}/policy.yaml"] = content.replace(b"rollout: @", f"rollout: p-{name}".encode())
    for name, content in hostile(str(initial("s-x", "half", policy_text("s-x"))["rollout-state/s-x/state.yaml"])):
        files |= initial(f"s-{name}", "half", policy_text(f"s-{name}"))
        files[f"rollout-state/s-{name}/state.yaml"] = content.replace(b"s-x", f"s-{name}".encode())
    return files


def same(world: World) -> tuple[str, str, list[str]]:
    """All that may not change."""
    repository = world.repository
    return repository.head(), repository.git("status", "--porcelain"), repository.branches()


def ticked(world: World, **environment: str) -> Run:
    command = ("tick", "--repository", world.repository.path, "--now", NOW.isoformat())
    run = bounded(*command, environment=environment)
    run.check()
    return run


def unmoved(world: World, said: str, code: int = 0, **environment: str) -> None:
    """A tick that would advance were it not for what was put in its way."""
    before = same(world)
    run = ticked(world, **environment)
    assert said in " ".join(run.said.split()), run.said[-3000:]
    assert (run.code, same(world)) == (code, before)


def made(folder: Path, files: dict[str, Content] | None = None, **options: str) -> World:
    world = World.made(folder / "shop", initial(stage="half") | (files or {}), **options)
    world.serve(NOW)
    return world


def test_with_nothing_in_its_way_it_advances(tmp_path: Path) -> None:
    world = made(tmp_path)
    assert ticked(world).code == 0
    assert world.state().stage == "most"


def test_hostile_files_are_told_and_stop_nobody_else(tmp_path: Path) -> None:
    world = made(tmp_path, rollouts())
    before = world.repository.head()
    run = ticked(world)
    assert run.code == 3
    assert world.state().stage == "most"
    assert world.repository.git("diff", "--name-only", before, "main") == STATE
    assert len(run.said) < 300_000
    told = run.said.split("\n\n")
    for kind in "ps":
        for name, _ in hostile("x: y"):
            (said,) = [each for each in told if f"{kind}-{name}\n" in f"{each.splitlines()[0]}\n"]
            assert "hold: this rollout cannot be evaluated, nothing was touched" in said, said
            assert f"rollout-state/{kind}-{name}/" in said, said


def test_hostile_files_are_told_before_anything_is_committed(tmp_path: Path) -> None:
    files = rollouts()
    marker = f"schema_version: 1\nrollout: {NAME}\nstage: half\nattempt: 1\n"
    names = {f"rollout-state/{NAME}/approvals/{name}.yaml": content for name, content in hostile(marker)}
    world = made(tmp_path, {**files, **names, "rollout-state/endless/state.yaml": Link(b"/dev/zero")})
    run = bounded("validate", "--repository", world.repository.path)
    run.check()
    assert run.code == 3
    assert len(run.said) < 300_000
    assert [path for path in names if path not in run.said] == []
    assert "rollout-state/endless/state.yaml:1:1: found a file of more than 256 kB" in run.said


OWNED = {
    "many": ("* @alice\n" * 100_000, 1, "needs the approval of @alice"),
    "long": (f"* @alice\n/{'x' * 900_000} @alice\n", 1, "needs the approval of @alice"),
    "large": ("* @alice\n" * 200_000, 1, "larger than 1,048,576 bytes"),
    "stars": (f"* @alice\n/{'**/' * 300}x @alice\n", 1, "needs the approval of @alice"),
    "backtracking": (f"* @alice\n/{'*a' * 60}b @alice\n", 1, "needs the approval of @alice"),
}


@pytest.mark.parametrize("name", ["many", *(pytest.param(each, marks=heavy) for each in OWNED if each != "many")])
def test_hostile_owners(tmp_path: Path, name: str) -> None:
    """What cannot be told to have no owner is not merged."""
    owners, code, said = OWNED[name]
    world = made(tmp_path, owners=owners)
    before = world.repository.head()
    run = ticked(world)
    assert said in " ".join(run.said.split()), run.said
    assert (run.code, world.repository.head()) == (code, before)


HEADER = b"time,total,failed\n"
RECORDINGS: dict[str, tuple[Callable[[], bytes], str]] = {
    "endless": (lambda: HEADER + b"2026-03-02T09:15:00Z,1000,1\n" * 1_500_000, "larger than 16 MB"),
    "zeros": (lambda: bytes(200_000_000), "larger than 16 MB"),
    "rising": (lambda: HEADER + b"\n".join(_minutes(600_000)), "no complete interval"),
    "emoji": (lambda: HEADER + "😀".encode() * 4_000_000, "field larger than field limit"),
    "columns": (lambda: HEADER[:-1] + b"".join(b",c%d" % n for n in range(1_700_000)), "columns; allowed: 500"),
    "quote": (lambda: HEADER + b'"' + b"x\n" * 8_000_000, "field larger than field limit"),
    "infinite": (lambda: HEADER + b"2026-03-02T09:15:00Z,1e999,1\n", "found '1e999'"),
    "digits": (lambda: HEADER + b"2026-03-02T09:15:00Z,%s,1\n" % (b"9" * 5000), "allowed: a count"),
    "nul": (lambda: HEADER + b"2026-03-02T09:15:00Z,\0,1\n", "allowed: a count"),
}
CHEAP = ("endless", "infinite", "digits", "nul")


def _minutes(count: int) -> Iterator[bytes]:
    at = START - count * HOUR / 60
    return ((at + n * HOUR / 60).strftime("%Y-%m-%dT%H:%MZ,9,1").replace("Z", ":00Z").encode() for n in range(count))


@pytest.mark.parametrize(
    "name", [*CHEAP, *(pytest.param(each, marks=heavy) for each in RECORDINGS if each not in CHEAP)]
)
def test_hostile_recordings(tmp_path: Path, name: str) -> None:
    content, said = RECORDINGS[name]
    world = made(tmp_path, initial(stage="half", text=policy_text(interval="1m")))
    (world.repository.path / "metrics.csv").write_bytes(content())
    unmoved(world, said)


@heavy
def test_a_large_recording_of_counters(tmp_path: Path) -> None:
    text = policy_text().replace("path: metrics.csv", "path: m.om\n  total: r_total\n  failed: f_total")
    world = made(tmp_path, initial(stage="half", text=text))
    lines = (f'r_total{{pod="p{n % 997}"}} {n} {1_772_000_000 + n // 997 * 60}\n' for n in range(400_000))
    content = "# TYPE r counter\n" + "".join(sorted(lines)) + "# EOF\n"
    (world.repository.path / "m.om").write_text(content[: 16 * 1024 * 1024])
    unmoved(world, "unavailable")


def answer(content: Callable[[], bytes], **headers: str) -> Answer:
    def write(request: BaseHTTPRequestHandler) -> None:
        body = content()
        request.send_response(200)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return write


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for chunk in repeat(b'{"rows": [' + b"1," * 30_000):
        request.wfile.write(chunk)


def row(total: bytes) -> bytes:
    return b'{"rows": [{"at": "2026-03-02T09:15:00Z", "total": %s, "failed": 1}]}' % total


TOO_LARGE, TOO_MUCH = "larger than 16777216 bytes", "more values than 16777216 bytes may hold"
ANSWERS: dict[str, tuple[Answer, str]] = {
    "lists": (answer(lambda: b"[" + b"[]," * 5_000_000 + b"1]"), TOO_MUCH),
    "bomb": (answer(lambda: gzip.compress(b"[" + b" " * 100_000_000 + b"]"), Content_Encoding="gzip"), TOO_LARGE),
    "brackets": (answer(lambda: b"[" * 100_000), "maximum recursion depth"),
    "endless": (endless, TOO_LARGE),
    "infinite": (answer(lambda: row(b"1e999")), "found 'inf'"),
    "digits": (answer(lambda: row(b"9" * 5000)), "not complete JSON"),
    "nested": (answer(lambda: b"[" * 5_000_000 + b"]" * 5_000_000), TOO_MUCH),
    "objects": (answer(lambda: b"[" + b'{"a":{}},' * 1_800_000 + b"1]"), TOO_MUCH),
    "keys": (answer(lambda: b"{" + b",".join(b'"%d":1' % n for n in range(1_200_000)) + b"}"), TOO_MUCH),
    "lists-that-fit": (answer(lambda: b"[" + b"[]," * 1_150_000 + b"1]"), "rows picks nothing"),
    "objects-that-fit": (answer(lambda: b"[" + b'{"a":{}},' * 580_000 + b"1]"), "rows picks nothing"),
    "keys-that-fit": (answer(lambda: b"{" + b",".join(b'"%d":1' % n for n in range(1_150_000)) + b"}"), "rows picks"),
    "numbers-that-fit": (answer(lambda: b"[" + b"1.5," * 2_300_000 + b"1]"), "rows picks nothing"),
    "emoji": (answer(lambda: '["😀'.encode() + b"x" * 16_000_000 + b'"]'), "rows picks nothing"),
    "rows": (answer(lambda: b'{"rows":[%s]}' % b",".join([row(b"5")[10:-2]] * 100_000)), "rising times"),
    "twice-packed": (
        answer(lambda: gzip.compress(gzip.compress(bytes(1_000_000_000))), Content_Encoding="gzip, gzip"),
        TOO_LARGE,
    ),
    "no-length": (answer(lambda: row(b"5"), Content_Length="-1"), "newest complete interval"),
    "any-length": (answer(lambda: row(b"5"), Content_Length="9" * 40), "cut short"),
    "header": (answer(lambda: b"{}", X="y" * 60_000), "rows picks nothing"),
    "headers": (answer(lambda: b"{}", **{f"X{n}": "y" for n in range(500)}), "cannot"),
}
FEW = ("lists", "bomb", "brackets", "endless", "infinite")


@pytest.mark.parametrize("name", [*FEW, *(pytest.param(each, marks=heavy) for each in ANSWERS if each not in FEW)])
def test_hostile_answers(tmp_path: Path, name: str) -> None:
    write, said = ANSWERS[name]
    text = policy_text().replace("\n  source: recording\n  path: metrics.csv\n", f" {METRICS}\n")
    world = made(tmp_path, initial(stage="half", text=text))
    with serving(write) as address:
        unmoved(world, said, STATS=address)


def test_a_long_history(tmp_path: Path) -> None:
    world = made(tmp_path)
    good = world.repository.show(STATE)
    world.repository.git(
        "fast-import", "--quiet", "--force", stdin=revisions((f"# {n}\n{good}" for n in range(2000)), STATE)
    )
    world.repository.git("reset", "--quiet", "--hard")
    assert ticked(world).code == 0
    assert world.state().stage == "most"


@heavy
@pytest.mark.parametrize("size", [200_000, 2_000_000])
def test_a_history_of_large_files(tmp_path: Path, size: int) -> None:
    world = made(tmp_path)
    texts = (f"# {n}\n{'x' * size}" for n in range(400))
    world.repository.git("fast-import", "--quiet", "--force", stdin=revisions(texts, STATE))
    world.repository.git("reset", "--quiet", "--hard")
    unmoved(world, "cannot be evaluated", 3)


@heavy
def test_a_state_of_a_hundred_megabytes(tmp_path: Path) -> None:
    world = made(tmp_path, {STATE: b"a: " + b"x" * 100_000_000})
    unmoved(world, "found a file of more than 256 kB", 3)
    for command in (("percentage", NAME), ("validate",), ("status",), ("export", "env", NAME)):
        run = bounded(*command, "--repository", world.repository.path)
        run.check()
        assert run.code in (1, 2, 3)


@heavy
@pytest.mark.parametrize(("count", "content"), [(20_000, b"a: b\n"), (500, b"x" * 1_000_000)])
def test_a_great_many_files(tmp_path: Path, count: int, content: bytes) -> None:
    """Read by nobody, so that they stop nobody."""
    more: dict[str, Content] = {f"rollout-state/{NAME}/more/{n}.yaml": content + b"%d" % n for n in range(count)}
    world = made(tmp_path, more)
    assert ticked(world).code == 0
    assert world.state().stage == "most"


@heavy
@pytest.mark.parametrize("folder", ["more", "approvals"])
def test_a_pull_request_of_large_files(tmp_path: Path, folder: str) -> None:
    """Anybody can open one; it may not keep the others from being looked at."""
    world = made(tmp_path)
    files: dict[str, Content] = {f"rollout-state/{NAME}/{folder}/{n}.yaml": b"%d" % n * 400_000 for n in range(500)}
    asks = OpenPull("mallory", world.repository.head(), {"x": "x\n"}, "Title", "Body", "Message")
    world.forge(START, actor="mallory").apply(asks)
    world.repository.commit(files, START, branch="mallory")
    ticked(world)
    assert world.state().stage == "most"


PAYLOADS: dict[str, Callable[[], bytes]] = {
    "large": lambda: b"[" + b"[]," * 8_000_000 + b"1]",
    "objects-that-fit": lambda: b"[" + b'{"a":{}},' * 460_000 + b"1]",
    "number": lambda: b'{"pull_request": {"number": %s}}' % (b"9" * 4000),
    "deep": lambda: b'{"pull_request": ' * 100_000,
}


@pytest.mark.parametrize("name", ["large", *(pytest.param(each, marks=heavy) for each in PAYLOADS if each != "large")])
def test_hostile_events(tmp_path: Path, name: str) -> None:
    """An event that cannot be read keeps no tick from its work."""
    (tmp_path / "event.json").write_bytes(PAYLOADS[name]())
    with FakeGitHub(tmp_path, initial(stage="half"), rules=strict(4711)) as github:
        site = Site(github, tmp_path, github.app_token(app=4711))
        github.now = NOW
        site.serve()
        event = {"GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_EVENT_NAME": "pull_request"}
        run = bounded(
            "tick", "--now", NOW.isoformat(), environment=github.environment(site.token) | event, cwd=tmp_path
        )
        run.check()
        assert (run.code, site.state().stage) == (0, "most")

"""A repository into which somebody has written hostile texts wherever one can be written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import yaml

from rollout_bot.core.decision.actions import OpenPull
from rollout_bot.core.model.repository import policy_path, state_path
from rollout_bot.core.model.state import State
from rollout_bot.files.state import write_state
from support.repositories import OWNERS, START, Content
from support.rollouts import state
from support.ticks import HOUR, POLICY_TEXT, World
from support.web_server import serving

NOW = START + 4 * HOUR

TEXTS = {
    "markdown": "x](https://evil.example/a) ![evil](https://evil.example/b) <https://evil.example> www.evil.example"
    " **evil** `evil` | evil | ~~evil~~ $evil$ &#64;evil \\",
    "mentions": "@evil @evil/team #1 GH-2 evil/repo#3 see https://github.com/acme/shop/issues/4 or evil@evil.example"
    " [skip ci] skip-checks:: true",
    "html": "</details></td></title><script>evil()</script><img src=x onerror=evil()>\"'><svg onload=evil()>"
    '<!-- rollout-bot: {"rollout": "evil"} --> ]]> &lt;evil&gt; --> <evil>',
    "lines": "evil\n# evil\n\n```mermaid\nevil\n```\n- evil\r::set-output name=percentage::100\n::add-mask::evil"
    "\u2028::warning::evil\x85::error::evil\n\n\n<!-- evil",
    "runner": "##[set-output name=percentage;]100 ##[add-mask]evil\nghadelimiter\npercentage=100\nEOF\n",
    "terminal": "\x1b[2J\x1b]8;;https://evil.example\x07evil\x1b]8;;\x07\x9b31m\x08\x7f\u202eevil\u2066\u061c\u200f"
    "\ufffe\uffff\U000e0041",
    "slack": "<!channel> <@U012EVIL> <https://evil.example|evil> <!subteam^S1|evil> &amp; &lt;!here&gt; *evil*"
    " [evil](https://evil.example)",
    "shell": "$(touch evil) `touch evil`; touch evil | tee evil && touch evil '\"${IFS}\\ {{ evil }} {% evil %}"
    " ${{ evil }} %s --evil",
    "query": '"} or vector(1) # evil {{ $value }} \\" \\',
    "yaml": "evil: [*x, &y z] # evil\n---\n!!python/object/apply:os.system evil\n- 'evil",
}
"""By what each is written for. All hold the word `evil`, in some case."""

BRANCH = "evil/\"'<img-src=x>&#1;$(touch${IFS}evil)|`evil`@evil-\u202e%0A##]\u2028evil"
"""As much as git allows in the name of a branch."""


def measured(key: str) -> str:
    """The rollout that can advance, whose files hold a text."""
    return f"measured-{key}"


def blind(key: str) -> str:
    """The rollout whose server answers with a text."""
    return f"blind-{key}"


def broken(key: str) -> str:
    """The rollout with texts where something else belongs."""
    return f"broken-{key}"


def folder(key: str) -> str:
    """A folder that is called like a text, as far as git allows."""
    return TEXTS[key].replace("/", "\u2215").replace("\x00", "")[:60].strip(".") or "evil"


def files(address: str) -> dict[str, Content]:
    """All that is committed. `address` is that of the server that answers with the texts."""
    found: dict[str, Content] = {}
    for key, text in TEXTS.items():
        found |= _measured(key, text) | _blind(key, text, f"{address}/{key}") | _broken(key, text)
        found[f"rollout-state/{folder(key)}/policy.yaml"] = "evil"
        found[f"rollout-state/{measured(key)}/approvals/half.yaml"] = json.dumps({text: text})
        found[f"rollout-state/{measured(key)}/{folder(key)}"] = "evil"
    # A name without blanks and colons, so that a message begins with a place that looks like one.
    found[policy_path("evil\x1b[2J\u202e##[set-output")] = yaml.safe_dump(_policy("evil", "evil"))
    found[state_path("evil\x1b[2J\u202e##[set-output")] = _state("evil", "evil")
    return found


def owners() -> str:
    """The usual lines, and some that nobody can read."""
    return OWNERS + "".join(f"/{one_word(text)} @evil{one_word(text)} {one_word(text)}\n" for text in TEXTS.values())


def one_word(text: str) -> str:
    return re.sub(r"\s", "", text)


def _policy(rollout: str, text: str) -> dict[str, object]:
    policy: dict[str, object] = yaml.safe_load(POLICY_TEXT)
    return policy | {
        "rollout": rollout,
        "description": text,
        "links": {text[:40]: "https://grafana.example/?evil=1&b=)<>\"'|*_"},
        "notify": [
            {"channel": "slack", "address": "${HOOK_SLACK}"},
            {"channel": "teams", "address": "${HOOK_TEAMS}"},
            {"channel": "webhook", "address": "${HOOK}", "secret": "${HOOK_SECRET}"},
        ],
    }


def _state(rollout: str, text: str) -> str:
    change = replace(state().change, reason=text, by=text)
    return write_state(State(rollout, "canary", 10, 1, 1, change))


def _measured(key: str, text: str) -> dict[str, Content]:
    name = measured(key)
    return {policy_path(name): yaml.safe_dump(_policy(name, text)), state_path(name): _state(name, text)}


def _blind(key: str, text: str, address: str) -> dict[str, Content]:
    name = blind(key)
    selector = f"requests_total{{path={json.dumps(text)}}}"
    metrics = {"source": "prometheus", "address": address, "total": selector, "failed": f"failed_{selector}"}
    guard = {"name": "latency", "query": selector, "max": 1}
    policy = _policy(name, text) | {"metrics": metrics, "guardrails": [guard]}
    return {policy_path(name): yaml.safe_dump(policy), state_path(name): _state(name, text)}


def _broken(key: str, text: str) -> dict[str, Content]:
    name = broken(key)
    policy = _policy(name, text) | {text: text, "after": text, "deploy_workflow": text, "operators": [text]}
    policy["stages"] = [{"name": text, "percentage": text, text: 1}]
    return {policy_path(name): yaml.safe_dump(policy), state_path(name): _state(name, text)}


@contextmanager
def answering() -> Iterator[str]:
    """A server of metrics whose errors are the texts, each below a path of its own."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        text = TEXTS[request.path.split("/")[1]]
        body = json.dumps({"status": "error", "errorType": text, "error": text}).encode()
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with serving(answer) as address:
        yield address


def hostile_world(path: Path, address: str) -> World:
    """The repository on the local forge, with a pull request of somebody's for each text."""
    world = World.made(path, files(address))
    world.serve(NOW)
    for number, (key, text) in enumerate(TEXTS.items()):
        propose(world, NOW, f"{BRANCH}-{number}", key, text)
    return world


def propose(world: World, now: datetime, branch: str, key: str, text: str) -> None:
    """Somebody's pull request, hostile in all that it is made of."""
    forge = world.forge(now, actor=text)
    changed = {
        policy_path(measured(key)): yaml.safe_dump({text: text}),
        f"rollout-state/{measured(key)}/{one_word(folder(key))}.yaml": text,
    }
    forge.apply(OpenPull(branch, world.repository.head(), changed, text, text, text))
    # Its files are in order, so that the gate speaks of the folder itself.
    begun = {f"rollout-state/new-{folder(key)}/state.yaml": _state("evil", "evil")}
    forge.apply(OpenPull(f"{branch}-new", world.repository.head(), begun, text, text, text))

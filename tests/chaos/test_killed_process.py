"""A real kill -9 of a real run, in the middle of what git does for it: nothing is cleaned up, no lock is given back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from support.hosted import ROLLOUT_BOT
from support.repositories import START
from support.ticks import HOUR, World, initial

NOW = START + 3 * HOUR

SHIM = """\
#!/bin/sh
case " $* " in
*" update-ref "* | *" read-tree "*) ;;
*) exec {git} "$@" ;;
esac
count=$(($(cat "$COUNT") + 1))
echo $count > "$COUNT"
test $count = "$FATAL" || exec {git} "$@"
{git} "$@"
kill -9 $PPID
"""


def ticked(world: World, shims: Path, fatal: int = 0) -> tuple[int, int]:
    """The exit code of a tick that is killed right after one of its writes by git (0: none), and how many there were.

    Killed before a write is killed after the one before it.
    """
    count = shims / "count"
    count.write_text("0")
    path = f"{shims}:{os.environ['PATH']}"
    command = [ROLLOUT_BOT, "tick", "--repository", world.repository.path, "--now", NOW.isoformat()]
    environment = {**os.environ, "FATAL": str(fatal), "PATH": path, "COUNT": str(count)}
    run = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    return run.returncode, int(count.read_text())


def test_a_killed_run_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    (shims := tmp_path / "shims").mkdir()
    (shims / "git").write_text(SHIM.format(git=shutil.which("git")))
    (shims / "git").chmod(0o755)
    undisturbed = World.made(tmp_path / "undisturbed", initial(stage="half"))
    undisturbed.serve(NOW)
    code, total = ticked(undisturbed, shims)
    assert (code, undisturbed.state().stage) == (0, "most")
    assert total >= 5
    for at in range(1, total + 1):
        world = World.made(tmp_path / str(at), initial(stage="half"))
        world.serve(NOW)
        assert ticked(world, shims, at)[0] == -signal.SIGKILL
        assert ticked(world, shims)[0] == 0
        assert world.end(NOW) == undisturbed.end(NOW), f"killed after write {at} of {total}"
        assert world.repository.branches() == ["main"]
        assert world.repository.fsck() == ""

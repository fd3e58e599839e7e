"""`doctor` on GitHub: a sound set-up has nothing wrong; each fault is found, and comes with its fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.github import strict
from support.github.faults import EXPIRED, FORBIDDEN, HTML, PRIMARY, Answer
from support.github.rulesets import rules_of
from support.hosted import Site
from support.repositories import OWNERS
from support.ticks import NAME, initial, policy_text

from rollout_bot.core.finding import Finding, Level
from rollout_bot.doctor import examine
from rollout_bot.forge.github.bearer import Bearer, Kind, kind_of
from rollout_bot.forge.github.protection import Rule, judge, judge_own
from rollout_bot.tick.evaluation import Evaluator

WORKFLOW = ".github/workflows/rollout.yml"
APP = 4711
SHIPPED: dict[str, str] = {WORKFLOW: "on:\n  schedule:\n    - cron: '7,22,37,52 * * * *'\n"}
PUBLISHED = [
    "GET /repos/{owner}/{repo}",
    "GET /repos/{owner}/{repo}/actions/permissions/workflow",
    "GET /repos/{owner}/{repo}/actions/workflows/{workflow}/runs",
    "GET /repos/{owner}/{repo}/codeowners/errors",
    "GET /repos/{owner}/{repo}/collaborators/{login}/permission",
    "GET /repos/{owner}/{repo}/rules/branches/{ref}",
    "GET /apps/{slug}",
]
Make = Callable[..., Site]
Told = list[tuple[str, str, str]]


@pytest.fixture
def sound(make_site: Make) -> Site:
    """All as the documentation recommends: an App, its rules, its gate, a schedule that ran."""
    rules = replace(strict(APP), reserved="rollout-bot")
    site = make_site(files=initial() | SHIPPED, owners=f"{OWNERS}/.github/ @alice\n", rules=rules)
    site.github.scheduled()
    return site


def examined(site: Site, token: str | None = None) -> list[Finding]:
    findings = list(site.forge(token).examine([NAME]))
    for finding in findings:
        assert bool(finding.fix) == (finding.level is not Level.RIGHT), finding
        assert not any(secret in finding.found + finding.fix for secret in site.github.world.tokens)
    assert not any(entry.write for entry in site.github.log)
    return findings


def told(findings: list[Finding], level: Level) -> Told:
    return [(each.subject, each.found, each.fix) for each in findings if each.level is level]


def one(findings: list[Finding], level: Level, subject: str) -> tuple[str, str]:
    """Text and fix of the only finding of a level about a subject."""
    ((_, found, fix),) = [each for each in told(findings, level) if each[0] == subject]
    return found, fix


def faults(rules: list[Rule], kind: Kind = Kind.APP, app: int | None = APP) -> list[str]:
    return [each.found for each in judge(rules, Bearer("rollout-bot", kind, app)) if each.level is not Level.RIGHT]


def answer(content: object) -> Answer:
    return Answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def test_a_sound_set_up_has_nothing_wrong(sound: Site) -> None:
    findings = examined(sound)
    assert told(findings, Level.WRONG) == told(findings, Level.WEAK) == []
    # Nothing but writing proves that it is allowed.
    assert [subject for subject, *_ in told(findings, Level.UNKNOWN)] == ["token"]
    right = [found for _, found, _ in told(findings, Level.RIGHT)]
    assert "it is that of the App rollout-bot" in right
    assert f"rollout/gate is required, from the App {APP} alone" in right
    assert "nobody can push to them but who may bypass the rules" in right
    assert "@alice may approve (role admin)" in right
    assert "the last scheduled tick began 0 s ago" in right


def test_the_installed_command_tells_it_as_json(sound: Site) -> None:
    sound.serve()
    arguments = ("doctor", "--forge", "github", "--format", "json", "--now", sound.now.isoformat())
    done = sound.command(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {each["level"] for each in json.loads(done.stdout)} == {"right", "unknown"}
    sound.github.rules.queue = True
    done = sound.command(*arguments)
    assert done.returncode == 3, done.stdout + done.stderr
    (wrong,) = [each for each in json.loads(done.stdout) if each["level"] == "wrong"]
    assert wrong["fix"] == "Settings → Rules → Rulesets → Require merge queue: off"
    assert sound.token not in done.stdout + done.stderr


def test_the_quick_start_is_told_its_limits(sound: Site) -> None:
    sound.github.rules.required_checks = {"rollout/gate": None}
    sound.github.rules.reserved = None
    findings = examined(sound, sound.github.actions_token())
    assert told(findings, Level.WRONG) == []
    assert one(findings, Level.WEAK, "the bot's branches") == (
        "anybody with write access can push to them, or block them all with a branch called rollout",
        "let an App act, and create the second ruleset that `rollout-bot init NAME --github --app ID` prints",
    )
    assert one(findings, Level.WEAK, "token")[1].startswith("name deployments as deploy_workflow")
    assert one(findings, Level.WEAK, "branch rules") == (
        "rollout/gate is required from no particular App: anybody with write access could set it",
        "let an App act, and create the ruleset that `rollout-bot init NAME --github` prints with --app ID",
    )
    found, fix = one(findings, Level.UNKNOWN, "GitHub Actions")
    assert "administrators only" in found
    assert "Settings → Actions → General" in fix


@pytest.mark.parametrize("may", [True, False])
def test_whether_actions_may_open_pull_requests_is_read_where_it_may_be(sound: Site, may: bool) -> None:
    sound.github.rules.actions_may_open = may
    token = sound.github.actions_token(contents="write", pull_requests="write", statuses="write", administration="read")
    findings = examined(sound, token)
    level, text = (Level.RIGHT, "may create") if may else (Level.WRONG, "may not create")
    assert one(findings, level, "GitHub Actions")[0].startswith(text)


def test_a_gate_pinned_to_actions_is_anybodys(sound: Site) -> None:
    sound.github.rules.required_checks = {"rollout/gate": 15368}
    assert (
        "every workflow acts as that App"
        in one(examined(sound, sound.github.actions_token()), Level.WEAK, "branch rules")[0]
    )


def test_a_person_lends_the_bot_too_much(sound: Site) -> None:
    sound.github.rules.required_checks = {"rollout/gate": None}
    findings = examined(sound, sound.github.person_token("bob"))
    assert one(findings, Level.WEAK, "token")[0].startswith("it is bob's own")
    assert told(findings, Level.WRONG) == []
    findings = examined(
        sound, sound.github.person_token("carol", contents="read", pull_requests="read", statuses="read")
    )
    assert one(findings, Level.WRONG, "token")[0].startswith("carol has no write access")
    assert "told to those only who may write" in one(findings, Level.UNKNOWN, "merging")[0]


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("ghs_x", Kind.APP),
        ("ghp_x", Kind.PERSON),
        ("github_pat_x", Kind.PERSON),
        ("0123456789abcdef", Kind.UNKNOWN),
    ],
)
def test_a_token_begins_with_its_kind(token: str, kind: Kind) -> None:
    assert kind_of(token) is kind


def test_an_unknown_kind_of_token_is_no_fault(sound: Site) -> None:
    world = sound.github.world
    world.tokens["0123abcd"] = replace(world.tokens[sound.token], secret="0123abcd")
    findings = examined(sound, "0123abcd")
    assert told(findings, Level.WRONG) == []
    assert "cannot be told" in one(findings, Level.UNKNOWN, "branch rules")[0]


def test_without_rules_nothing_is_guarded(make_site: Make) -> None:
    site = make_site(rules=replace(strict(), required_checks={}, code_owners=False, pull_request=False))
    found, fix = one(examined(site), Level.WRONG, "branch rules")
    assert found.startswith("main has none")
    assert fix == "create the ruleset that `rollout-bot init NAME --github` prints"
    site.github.rules.classic = True
    assert "branch protection" in one(examined(site), Level.UNKNOWN, "branch rules")[0]
    site.github.fail(FORBIDDEN, "GET /repos/{owner}/{repo}/branches")
    assert "has none" in one(examined(site), Level.WRONG, "branch rules")[0]


@pytest.mark.parametrize(
    ("change", "level", "text"),
    [
        ({"code_owners": False}, Level.WRONG, "no review of code owners is required"),
        ({"approvals": 1}, Level.WRONG, "every pull request needs 1 approvals"),
        ({"dismiss_stale": False}, Level.WEAK, "an approval stays when something else is pushed"),
        ({"up_to_date": True}, Level.WEAK, "branches must be up to date"),
        ({"queue": True}, Level.WRONG, "the branch has a merge queue"),
        ({"required_checks": {}}, Level.WRONG, "the status rollout/gate is not required"),
        (
            {"required_checks": {"rollout/gate": 99}},
            Level.WRONG,
            "rollout/gate is required, from the App 99 alone, but",
        ),
        ({"required_checks": {"rollout/gate": None}}, Level.WEAK, "rollout/gate is required from no particular App"),
        ({"required_checks": {"rollout/gate": APP, "ci": None}}, Level.WEAK, "ci is required too"),
    ],
)
def test_a_rule_that_does_not_fit_is_found(sound: Site, change: dict[str, Any], level: Level, text: str) -> None:
    for name, value in change.items():
        setattr(sound.github.rules, name, value)
    assert one(examined(sound), level, "branch rules")[0].startswith(text)


def test_history_that_can_be_lost_is_a_risk(sound: Site) -> None:
    sound.github.rules.keep_history = False
    weak = told(examined(sound), Level.WEAK)
    assert [found.split(",")[0] for _, found, _ in weak] == [
        "the branch can be overwritten by a force-push",
        "the branch can be deleted",
    ]


def test_rules_of_all_rulesets_count_together() -> None:
    review = {"require_code_owner_review": False, "dismiss_stale_reviews_on_push": True}
    gate = {"required_status_checks": [{"context": "rollout/gate", "integration_id": APP}]}
    rules: list[Rule] = [
        {"type": "pull_request", "parameters": review | {"require_last_push_approval": True}},
        {"type": "pull_request", "parameters": {"require_code_owner_review": True, "allowed_merge_methods": ["merge"]}},
        {"type": "required_status_checks", "parameters": gate},
        {"type": "non_fast_forward"},
        {"type": "deletion"},
    ]
    assert faults(rules) == [
        "the last push needs the approval of somebody else, which may hold up a rollback",
        "the rules allow no squash merge, and the bot makes no other",
    ]
    more: list[Rule] = [{"type": "update"}, {"type": "workflows"}, {"type": "required_deployments"}]
    assert len(faults(rules + more)) == 5
    assert faults([])[:2] == [
        "no pull request is required, so state and approvals can be pushed past everybody",
        "the status rollout/gate is not required, so what the bot forbids can be merged",
    ]


def test_what_workflows_set_never_comes_with_a_workflows_token() -> None:
    check = {"required_status_checks": [{"context": "ci\x1b[31m"}]}
    found = faults([{"type": "required_status_checks", "parameters": check}], Kind.ACTIONS)
    assert "ci [31m is required too; a workflow that sets it does not run on what GITHUB_TOKEN opens" in found


def test_rules_that_say_nothing_are_unknown() -> None:
    rules: list[Rule] = [{"type": "pull_request"}, {"type": "required_status_checks", "parameters": 7}]
    found = list(judge(rules, Bearer("rollout-bot", Kind.APP)))
    assert [each.level for each in found[:2]] == [Level.UNKNOWN, Level.UNKNOWN]


def test_more_than_a_page_of_rules_is_read(sound: Site) -> None:
    rules = rules_of(sound.github.world)
    sound.github.fail(answer([{"type": "deletion"}] * 100), "rules/branches", nth=1)
    sound.github.fail(answer(rules), "rules/branches", nth=2)
    findings = examined(sound)
    assert told(findings, Level.WRONG) == told(findings, Level.WEAK) == []


def test_only_squash_merges_are_made(sound: Site) -> None:
    sound.github.rules.methods = {"merge"}
    sound.github.rules.auto_merge = False
    findings = examined(sound)
    assert one(findings, Level.WRONG, "merging") == (
        "squash merges are not allowed, and the bot makes no other",
        "Settings → General → Pull Requests → Allow squash merging",
    )
    assert one(findings, Level.WEAK, "merging")[0].startswith("auto-merge is not allowed")


def test_an_archived_repository_takes_nothing(sound: Site) -> None:
    sound.github.fail(answer({"archived": True}), "GET /repos/{owner}/{repo}")
    assert "archived" in one(examined(sound), Level.WRONG, "merging")[0]


def test_owners_must_be_able_to_approve(make_site: Make) -> None:
    lines = OWNERS.replace("approvals/    @alice", "approvals/    @alice @carol @org/release me@example.com")
    site = make_site(files=initial(), owners=lines)
    findings = examined(site)
    wrong = [found for subject, found, _ in told(findings, Level.WRONG) if subject == "CODEOWNERS"]
    assert wrong[0].startswith(".github/CODEOWNERS:2: Unknown owner")
    assert wrong[1] == "@carol has no write access (role read), so their approval does not count"
    unknown = [found for subject, found, _ in told(findings, Level.UNKNOWN) if subject == "CODEOWNERS"]
    assert ["@org/release" in unknown[0], "me@example.com" in unknown[1]] == [True, True]


def test_without_codeowners_nobody_is_looked_up(make_site: Make) -> None:
    site = make_site(owners=None)
    assert one(examined(site), Level.WRONG, "CODEOWNERS")[0] == "there is none, so nobody has to approve"
    assert not any("codeowners" in each or "collaborators" in each for each in site.github.requests())


def test_many_errors_in_codeowners_are_cut_short(sound: Site) -> None:
    errors = [{"line": n, "message": "Bad\n  ^", "path": "CODEOWNERS"} for n in range(25)] + [{}]
    sound.github.fail(answer({"errors": errors}), "codeowners/errors")
    wrong = told(examined(sound), Level.WRONG)
    assert wrong[1][1] == "CODEOWNERS:1: Bad"
    assert (len(wrong), wrong[-1][1]) == (21, "6 more errors")


@pytest.mark.parametrize(
    ("age", "level", "text"),
    [
        (timedelta(minutes=50), Level.RIGHT, "the last scheduled tick began 50 min ago"),
        (timedelta(hours=3), Level.WEAK, "the last scheduled tick began 3 h ago"),
        (timedelta(days=2), Level.WRONG, "the last scheduled tick began 2 d ago"),
    ],
)
def test_a_schedule_that_stands_still_is_found(sound: Site, age: timedelta, level: Level, text: str) -> None:
    sound.github.wait(age)
    findings = examined(sound)
    assert [each.found for each in findings if each.subject == "schedule"] == [text]
    assert [each.level for each in findings if each.subject == "schedule"] == [level]


def test_a_schedule_that_never_ran_may_be_new(make_site: Make) -> None:
    site = make_site(files=initial() | SHIPPED)
    found, fix = one(examined(site), Level.WEAK, "schedule")
    assert found == f"{WORKFLOW}: it has never run by its schedule"
    assert "60 days" in fix
    site.github.world.disabled["rollout.yml"] = "disabled_inactivity"
    assert one(examined(site), Level.WRONG, "schedule")[1] == "gh workflow enable rollout.yml"


def test_a_schedule_needs_its_workflow(site: Site) -> None:
    found, fix = one(examined(site), Level.WEAK, "schedule")
    assert found.startswith(f"there is no {WORKFLOW}")
    assert fix.startswith("rollout-bot init NAME --github writes it")


@pytest.mark.parametrize("run", [{}, {"created_at": "soon"}, {"created_at": "2026-03-02T09:00:00"}])
def test_a_run_without_its_time_tells_nothing(sound: Site, run: object) -> None:
    sound.github.fail(answer({"workflow_runs": [run]}), "workflow}/runs")
    assert one(examined(sound), Level.UNKNOWN, "schedule")[0].startswith("GitHub does not say when")


def test_a_schedule_without_a_known_state_is_late_all_the_same(sound: Site) -> None:
    sound.github.wait(timedelta(hours=2))
    sound.github.fail(FORBIDDEN, "actions/workflows/{workflow}", nth=2)
    assert one(examined(sound), Level.WEAK, "schedule")[0] == "the last scheduled tick began 2 h ago"


def test_a_tick_that_failed_is_told(sound: Site) -> None:
    sound.github.scheduled(conclusion="failure")
    assert one(examined(sound), Level.WEAK, "schedule")[0] == "the last scheduled tick ended with failure"


def test_branches_that_anybody_can_push_to_are_told(sound: Site) -> None:
    sound.github.rules.reserved = None
    found, fix = one(examined(sound), Level.WEAK, "the bot's branches")
    assert found == "anybody with write access can push to them, or block them all with a branch called rollout"
    assert fix == f"create the second ruleset that `rollout-bot init NAME --github --app {APP}` prints"


def test_branches_that_a_github_token_cannot_push_to_are_wrong(sound: Site) -> None:
    found, fix = one(examined(sound, sound.github.actions_token()), Level.WRONG, "the bot's branches")
    assert found == "only those who may bypass the rules can push to them, and a GITHUB_TOKEN can bypass none"
    assert fix.startswith("let an App act, or remove that ruleset")


def test_half_a_reservation_is_none() -> None:
    whole: list[Rule] = [{"type": kind} for kind in ("creation", "update", "deletion")]
    bearer = Bearer("rollout-bot", Kind.APP, None)
    assert judge_own([whole, whole], bearer).level is Level.RIGHT
    for rules in ([whole, whole[:2]], [whole[1:], whole], [[], whole], [whole, []]):
        found = judge_own(rules, bearer)
        assert (found.level, found.fix.endswith("--app ID` prints")) == (Level.WEAK, True)


def test_a_pull_request_without_a_gate_is_told(sound: Site) -> None:
    number = sound.github.person("bob").propose("readme", {"README.md": "Better"})
    assert one(examined(sound), Level.WEAK, "pull requests")[0] == f"#{number} has no rollout/gate yet"


@pytest.mark.parametrize("fault", [FORBIDDEN, EXPIRED, HTML, PRIMARY, answer(None), answer(7), answer({}), answer([7])])
@pytest.mark.parametrize("endpoint", PUBLISHED)
def test_what_cannot_be_read_is_unknown_and_stops_nothing(sound: Site, endpoint: str, fault: Answer) -> None:
    permissions = dict.fromkeys(("contents", "pull_requests", "statuses", "administration", "actions"), "write")
    token = sound.github.actions_token(**permissions) if "permissions" in endpoint else sound.token
    before = examined(sound, token)
    sound.github.fail(fault, endpoint, times=99)
    findings = examined(sound, token)
    assert {each.subject for each in findings} >= {each.subject for each in before}
    assert len(told(findings, Level.UNKNOWN)) > len(told(before, Level.UNKNOWN))
    assert set(told(findings, Level.WRONG)) <= set(told(before, Level.WRONG))


def test_reviewers_who_cannot_be_asked_are_named(make_site: Make) -> None:
    reviewers = ["@bob", "@nobody", "@acme/release"]
    site = make_site(files=initial(text=policy_text(reviewers=reviewers)) | SHIPPED)
    site.serve()

    def found() -> list[tuple[str, str]]:
        all_of_them = examine(site.forge(), Evaluator(site.now, site.folder, {}))
        return [(each.level.value, each.found) for each in all_of_them if each.subject == f"{NAME} reviewers"]

    levels, texts = zip(*found(), strict=True)
    assert levels == ("right", "weak", "unknown")
    assert texts[0] == "@bob can be asked (role write)"
    assert "@nobody has no access" in texts[1]
    site.github.fail(FORBIDDEN, "permission", times=99)
    assert [level for level, _ in found()] == ["unknown"] * 3

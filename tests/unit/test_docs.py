"""The documentation: generated pages up to date, links that lead somewhere, calls that the gateway would take."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
import typer

from gateway.campaigns.types import CampaignRequest
from gateway.messages.types import MessageRequest
from gateway.routes import ROUTES
from infra.cli import reference
from infra.cli.main import COMMANDS, GROUPS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "infra" / "decisions").glob("*.md"),
        ROOT / "examples" / "subscriber" / "README.md",
    ]
)
LAYERS = ("schemas", "infra", "gateway", "streams", "connectors")
CALL = re.compile(r"curl -s (?:-X POST )?\"?\$GATEWAY(/\S*?)[\"?\s](.*?)(?=\n\n|\n```|\nexport|\ncurl|\nsluice)", re.DOTALL)


def calls() -> list[tuple[str, str]]:
    return CALL.findall((ROOT / "docs" / "quickstart.md").read_text())


def verbs(app: typer.Typer) -> set[str]:
    return {
        command.name or command.callback.__name__.rstrip("_")
        for command in app.registered_commands
        if command.callback is not None
    }


def test_the_reference_is_up_to_date() -> None:
    assert reference.stale(reference.FOLDER) == [], "run `python -m infra.cli.reference`"


def test_an_edited_a_missing_and_a_good_page_are_told_apart(tmp_path: Path) -> None:
    reference.write(tmp_path)
    assert reference.stale(tmp_path) == []
    (tmp_path / "topics.md").write_text("edited")
    (tmp_path / "reasons.md").unlink()
    assert sorted(reference.stale(tmp_path)) == ["reasons.md", "topics.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(("#", "<!--"))
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


def test_the_map_names_what_is_there() -> None:
    rows = re.findall(r"^\| `(\w+/)` \|(.*)\|$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    assert len(rows) >= 7
    named = [(folder, path) for folder, text in rows for path in re.findall(r"`([\w./]+(?:/|\.py))`", text)]
    assert all((ROOT / folder).is_dir() for folder, _ in rows)
    assert [folder + path for folder, path in named if not any((ROOT / folder).rglob(path.rstrip("/")))] == []


def test_the_modules_that_are_to_be_run_exist() -> None:
    files = [
        *PAGES,
        ROOT / "Makefile",
        ROOT / "docker-compose.yml",
        ROOT / ".ci" / "run",
        *(file for layer in LAYERS for file in (ROOT / layer).rglob("*.py")),
    ]
    texts = [file.read_text(encoding="utf-8") for file in files]
    named = {module for text in texts for module in re.findall(rf"-m\W{{1,4}}((?:{'|'.join(LAYERS)})\.[a-z_.]*[a-z])", text)}
    assert len(named) >= 5
    assert [module for module in sorted(named) if find_spec(module) is None] == []


def test_the_calls_of_the_quickstart_are_taken() -> None:
    kinds: dict[str, type[msgspec.Struct]] = {
        "/v1/messages": MessageRequest,
        "/v1/campaigns": CampaignRequest,
        "/v1/preview": CampaignRequest,
    }
    bodies = [(path, body) for path, rest in calls() for body in re.findall(r"-d '(.*?)'(?:\s|$)", rest, re.DOTALL)]
    assert {path for path, _ in bodies} == set(kinds)
    for path, body in bodies:
        assert msgspec.json.decode(body, type=kinds[path]) is not None
        assert json.loads(body)["from"]


def test_the_paths_of_the_quickstart_exist() -> None:
    known = {route.path for route in ROUTES}
    paths = {path.replace("$CAMPAIGN", "{id}") for path, _ in calls()}
    assert len(paths) >= 6
    assert paths <= known


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "reference" not in page.parts], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_that_is_named_exists(page: Path) -> None:
    known = {function.__name__ for function in COMMANDS} | {
        f"{noun} {verb}" for noun, app in GROUPS.items() for verb in verbs(app)
    }
    named = re.findall(r"(?:`|^)sluice ([a-z]+)(?: ([a-z]+))?", page.read_text(encoding="utf-8"), re.MULTILINE)
    unknown = [f"{noun} {verb}".strip() for noun, verb in named if noun not in known and f"{noun} {verb}" not in known]
    assert unknown == []


def test_every_setting_that_is_named_exists() -> None:
    known = (reference.FOLDER / "settings.md").read_text()
    for page in PAGES:
        for name in re.findall(r"SLUICE_[A-Z_]*[A-Z]", page.read_text()):
            assert f"`{name}" in known, name

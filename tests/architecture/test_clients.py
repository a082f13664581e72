"""One place makes each client: nobody else builds one, and nobody hands on a Kafka's address without how one is let in."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.source import LAYERS, modules, tree

KAFKA = {
    "Producer": {"infra/kafka/client.py"},
    "Consumer": {"infra/kafka/client.py"},
    "AdminClient": {"infra/kafka/client.py"},
    "AIOKafkaProducer": {"infra/kafka/batch_outbox.py"},
    "AIOKafkaConsumer": set(),
    "faust.App": {"streams/faust_runner.py"},
}
"""Who may call what makes a client of Kafka; each of these files takes its options from infra/kafka/security.py."""
OPTIONS = {"librdkafka_options", "aiokafka_options", "broker_settings"}
ADDRESS_ALONE = {
    "infra/cli/doctor.py",  # shown
    "infra/cli/probes.py",  # shown
    "infra/kafka/security.py",
    "infra/supervisor/launch.py",  # shown, and whether a service is to be started
    "infra/supervisor/services_holder.py",  # the same
}


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]


def test_nobody_else_makes_a_client_of_kafka() -> None:
    makers = {(ast.unparse(call.func), path.as_posix()) for path in modules(*LAYERS) for call in _calls(path)}
    found = {name: {place for made, place in makers if made == name} for name in KAFKA}
    assert found["AdminClient"] and found["faust.App"] and found["AIOKafkaProducer"]
    assert {name: places - KAFKA[name] for name, places in found.items() if places - KAFKA[name]} == {}
    for path in {place for places in found.values() for place in places}:
        assert OPTIONS & {ast.unparse(call.func) for call in _calls(Path(path))}, f"{path} asks nobody how to get in"


def test_an_address_without_access_is_handed_to_nobody() -> None:
    """`settings.kafka` goes to clients as a whole; its address alone is shown, or compared with None."""
    places = set()
    for path in modules(*LAYERS):
        compared = {id(one.left) for one in ast.walk(tree(path)) if isinstance(one, ast.Compare)}
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and node.attr == "bootstrap" and id(node) not in compared:
                places.add(path.as_posix())
    assert places - ADDRESS_ALONE == set()

"""10. Carriers and routes are changed while everything runs.

They live in PostgreSQL; the file only seeds them. A change is in force within a second or two. The longest prefix wins.
"""

from __future__ import annotations

import pytest

from tests.support.running import Running, until

pytestmark = pytest.mark.stack


def test_a_carrier_is_changed_and_shown(stack: Running) -> None:
    before = shown(stack, "steady")

    changed = stack.cli("carrier", "set", "steady", "--window", "150")

    assert changed == shown(stack, "steady") == before | {"window": 150}
    assert "simulator" not in str(changed.get("password")), "a password is never shown"
    assert {row["id"] for row in stack.cli("carrier", "list")} == {"steady", "rough"}


def shown(stack: Running, carrier: str) -> dict[str, object]:
    """What stands in its row; how it is doing is another matter, see the chapter about failover."""
    row = dict(stack.cli("carrier", "show", carrier))
    del row["health"]
    return row


def test_a_new_route_takes_messages_to_another_carrier(stack: Running) -> None:
    french = "+33612345678"
    assert stack.cli("route", "test", french)["carriers"] == ["steady"]

    stack.cli("route", "set", "+336", "--carrier", "rough", "--price", "0.0450")

    assert stack.cli("route", "test", french) == {
        "number": french,
        "prefix": "+336",
        "carriers": ["rough"],
        "price": "0.0450",
        "strategy": "order",
        "costs": [],
        "weights": [],
    }
    wanted = {"name": "Try", "from": "Shop", "body": "Hi", "recipients": [{"to": french}]}
    until(lambda: stack.api.post("/v1/preview", wanted).body["price"] == "0.0450", 30)
    # Each role looks by itself; the one that routes is a second behind at most.
    until(lambda: sent_by(stack, french) == ("rough", "0.0450"), 30)
    assert any(entry.destination == french[1:] for entry in stack.rough.entries())


def sent_by(stack: Running, number: str) -> tuple[str, str]:
    identity = stack.api.post("/v1/messages", {"to": number, "from": "Sluice", "body": "Bonjour"}).id
    until(lambda: stack.api.message(identity)["status"] == "delivered", 30)
    message = stack.api.message(identity)
    return message["carrier"], message["price"]


def test_a_route_leads_to_a_carrier_that_exists(stack: Running) -> None:
    done = stack.run("route", "set", "+1", "--carrier", "nobody", "--price", "0.01")

    assert done.returncode == 1
    assert "nobody" in done.stderr and done.stdout == ""


def test_a_carrier_that_lets_one_connection_in_gets_one_process(stack: Running) -> None:
    pid = stack.role_process("dispatch-bulk")
    until(lambda: stack.rough.bound == 2, 30, "a connection of codes, one of marketing")
    before = stack.cli("carrier", "set", "rough", "--binds", "1")
    assert (before["binds"], before["one_process"]) == (1, False), "marketing has still to change hands"
    until(lambda: stack.rough.bound == 1, 30, "the only connection")
    after = stack.cli("carrier", "set", "rough", "--binds", "2")
    assert (after["binds"], after["one_process"]) == (2, False)
    until(lambda: stack.rough.bound == 2, 30, "the other one again")
    assert stack.role_process("dispatch-bulk") == pid


def test_no_carrier_does_without_a_connection(stack: Running) -> None:
    done = stack.run("carrier", "set", "steady", "--binds", "0")
    assert (done.returncode, "--binds" in done.stderr) == (2, True)


def test_a_route_names_each_of_its_carriers_once(stack: Running) -> None:
    done = stack.run("route", "set", "+1", "--carrier", "steady,rough,steady", "--price", "0.01")
    assert (done.returncode, "once" in done.stderr) == (1, True)

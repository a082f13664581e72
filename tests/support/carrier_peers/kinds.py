"""The kinds that the contract suite runs on: for each what makes its counterpart, and what it cannot have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.carrier_peers.peer import Case, Peer
from tests.support.carrier_peers.simulator_peer import SimulatorPeer
from tests.support.carrier_peers.smpp_peer import SmppPeer
from tests.support.carrier_peers.toy_peer import ToyPeer

PEERS: Mapping[str, Callable[[Path], Peer]] = {
    "smpp": lambda folder: SmppPeer(),
    "simulator": SimulatorPeer,
    "toy": lambda folder: ToyPeer(),
}
CANNOT: Mapping[str, Mapping[Case, str]] = {
    "smpp": SmppPeer.cannot,
    "simulator": SimulatorPeer.cannot,
    "toy": ToyPeer.cannot,
}

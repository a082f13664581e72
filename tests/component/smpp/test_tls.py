"""With `tls` the carrier speaks to whoever has a certificate that it trusts, and to nobody else."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.carriers.contract import Accepted, CarrierCallbacks, Receipt, Result
from connectors.carriers.smpp.carrier import Backoff, SmppCarrier
from connectors.simulator.log import SubmitLog
from connectors.simulator.script import Script
from connectors.simulator.server import SimulatorServer
from infra.settings.carriers import SmppSettings
from tests.support.carriers import never_unreadable, submits
from tests.support.waiting import until


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulator")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_tls_is_spoken_and_the_certificate_is_checked(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = SimulatorServer(Script(), SubmitLog(None))
    await server.start("127.0.0.1", 0, tls=context)
    trusting = ssl.create_default_context(cafile=str(certificate))
    receipts: list[Receipt] = []
    results: list[Result] = []
    callbacks = CarrierCallbacks(
        on_receipts=lambda came, acknowledge: receipts.extend(came), on_room=lambda: None, on_unreadable=never_unreadable
    )
    config = SmppSettings(host="127.0.0.1", port=server.port, system_id="s", tls=True)
    backoff = Backoff(first=0.02, longest=0.02)
    friend = SmppCarrier(config, callbacks, window=10, binds=1, random=lambda: 0.5, backoff=backoff, tls=trusting)
    stranger = SmppCarrier(config, callbacks, window=10, binds=1, random=lambda: 0.5, backoff=backoff)
    await friend.open()
    await stranger.open()
    await until(lambda: friend.room() == 10 and stranger.fault)
    friend.send(submits(10), results.extend)
    await until(lambda: len(results) == 10 and len(receipts) == 10)
    assert {type(result) for result in results} == {Accepted}
    assert "certificate verify failed" in (stranger.fault or "").lower()
    assert not stranger.connected
    await friend.close()
    await stranger.close()
    await server.stop()

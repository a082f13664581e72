"""Settings: order of sources, empty values, secrets in files, every fault at once."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from infra.settings.docs import variables
from infra.settings.load import Loaded, as_variables, load_settings
from infra.settings.model import Settings, SettingsError
from infra.settings.shape import scalar_keys
from tests.support.command_line import sluice

CARRIER = """
[[carriers]]
id = "acme-de"
kind = "smpp"
rate = 100
[carriers.smpp]
host = "127.0.0.1"
port = 2775
system_id = "sluice"
password = "secret"
"""


def load(environment: dict[str, str] | None = None, *, toml: Path | None = None, **flags: object) -> Loaded:
    return load_settings(flags, config=toml, default_file=None, environment=environment or {})


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text)
    return file


def faults_of(environment: dict[str, str] | None = None, toml: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(environment, toml=toml)
    return caught.value.faults


def test_defaults_alone() -> None:
    assert load().settings == Settings()


def test_flags_beat_environment_beats_file_beats_stack(tmp_path: Path) -> None:
    stack = {"kafka": "stack:1", "gateway": "http://stack:1", "api_key": "sk_stack"}
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    file = write(
        tmp_path, '[kafka]\nbootstrap = "file:1"\n[gateway]\nport = 1\nhost = "file"\n[telemetry]\nlog_level = "error"\n'
    )
    found = load_settings(
        {"gateway.port": 3, "data_dir": tmp_path},
        config=file,
        with_stack=True,
        default_file=None,
        environment={"SLUICE_GATEWAY__PORT": "2", "SLUICE_GATEWAY__HOST": "environment"},
    ).settings
    assert (found.gateway.port, found.gateway.host, found.kafka.bootstrap) == (3, "environment", "file:1")
    assert (found.telemetry.log_level, found.gateway.url) == ("error", "http://stack:1")
    assert found.api_key is not None and found.api_key.get_secret_value() == "sk_stack"


def test_roles_do_not_look_for_a_stack(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"kafka": "stack:1"}))
    assert load(data_dir=tmp_path).settings.kafka.bootstrap is None


def test_empty_counts_as_unset(tmp_path: Path) -> None:
    file = write(tmp_path, '[kafka]\nbootstrap = ""\n[gateway]\nport = 9000\n')
    found = load({"SLUICE_GATEWAY__PORT": "", "SLUICE_KAFKA__BOOTSTRAP": ""}, toml=file).settings
    assert found.gateway.port == 9000
    assert found.kafka.bootstrap is None


COMPANY = {
    "kafka.sasl_password": {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "u"},
    "kafka.sasl_oauth_client_secret": {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "OAUTHBEARER",
        "sasl_oauth_token_url": "https://provider/token",
        "sasl_oauth_client_id": "c",
    },
    "kafka.key_password": {"security_protocol": "SSL", "certificate_file": __file__, "key_file": __file__},
}
"""What a secret of Kafka is of use with."""


@pytest.mark.parametrize("key", [key for key in scalar_keys().values() if key.secret], ids=lambda key: key.dotted)
def test_every_secret_also_from_a_file(tmp_path: Path, key: object) -> None:
    from infra.settings.load import value_at
    from infra.settings.shape import Key

    assert isinstance(key, Key)
    value = {"postgres": "postgresql://u:p@h/db", "redis": "redis://h/0"}.get(key.path[0], "a-key-of-some-length")
    secret = tmp_path / "secret"
    secret.write_text(f"{value}\n")
    company = {f"SLUICE_KAFKA__{name.upper()}": text for name, text in COMPANY.get(key.dotted, {}).items()}
    found = value_at(load({**company, f"{key.variable}_FILE": str(secret)}).settings, key.path)
    assert found.get_secret_value() == value
    assert load({f"{key.variable}_FILE": ""}).settings == Settings()


def test_a_secret_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    [fault] = faults_of({"SLUICE_API_KEY_FILE": str(tmp_path / "none")})
    assert "SLUICE_API_KEY_FILE" in fault and "cannot be read" in fault


def test_only_secrets_have_files() -> None:
    [fault] = faults_of({"SLUICE_CURRENCY_FILE": "/etc/hostname"})
    assert "SLUICE_CURRENCY_FILE" in fault


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SLUICE_GATEWAY__PORT", "abc"),
        ("SLUICE_GATEWAY__PORT", "65536"),
        ("SLUICE_GATEWAY__PORT", "-1"),
        ("SLUICE_KAFKA__REPLICATION", "0"),
        ("SLUICE_KAFKA__BOOTSTRAP", "nohost"),
        ("SLUICE_POSTGRES__URL", "mysql://h/db"),
        ("SLUICE_REDIS__URL", "127.0.0.1:6379"),
        ("SLUICE_GATEWAY__URL", "localhost"),
        ("SLUICE_CURRENCY", "euro"),
        ("SLUICE_TELEMETRY__LOG_LEVEL", "loud"),
        ("SLUICE_ADMIN_KEY", "short"),
        ("SLUICE_SIMULATOR__SCRIPT", "{"),
        ("SLUICE_SIMULATOR__SCRIPT", "[]"),
        ("SLUICE_NOPE", "1"),
        ("SLUICE_KAFKA", "h:1"),
        ("SLUICE_CARRIERS", "x"),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str) -> None:
    [fault] = faults_of({variable: value})
    assert fault.startswith(f"{variable}: ")


def test_secrets_are_not_repeated_in_faults() -> None:
    [fault] = faults_of({"SLUICE_POSTGRES__URL": "mysql://user:hunter2@host/db"})
    assert "hunter2" not in fault


def test_an_unknown_name_comes_with_a_guess() -> None:
    assert "did you mean SLUICE_KAFKA__BOOTSTRAP?" in faults_of({"SLUICE_KAFKA__BOOTSTRAPS": "h:1"})[0]


@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        (("rate = 100", "rate = 100\nbinds = 0"), "carriers[0].binds", "0 should be"),
        (('kind = "smpp"', 'kind = "http"'), "carriers[0].kind", "unsupported"),
        (('kind = "smpp"', 'kind = "whatsapp"'), "carriers[0].kind", "unsupported"),
        (('password = "secret"', 'bind = "transmitter"'), "carriers[0].smpp.bind", "separate"),
        (('password = "secret"', 'bind = "separate"'), "carriers[0].smpp", "need 3"),
        (("rate = 100", "rate = -0.1"), "carriers[0].rate", "-0.1 should be greater"),
        (("rate = 100", "rate = nan"), "carriers[0].rate", "expected a number with an end"),
        (("rate = 100", "rate = 100\nsender_rate = -1"), "carriers[0].sender_rate", "-1"),
        (("rate = 100", 'rate = 100\nsender_rates = { "a@b" = 1 }'), "carriers[0].sender_rates", "'a@b' is no sender"),
        (("rate = 100", "rate = 100\nnetwork_rates = { de = 1 }"), "carriers[0].network_rates", "country code"),
        (("rate = 100", 'rate = 100\nnetwork_rates = { 49 = 1, "+49" = 2 }'), "carriers[0].network_rates", "write it once"),
        (
            ('password = "secret"', 'receipt_states = { OK = "deliverd" }'),
            "carriers[0].smpp.receipt_states.OK",
            "'deliverd' should be 'delivered'",
        ),
        (("rate = 100", ""), "carriers[0].rate", "missing"),
        (
            ('password = "secret"', 'receipt_states = { " _" = "delivered" }'),
            "carriers[0].smpp.receipt_states",
            "' _' is no word; write one that the carrier sends",
        ),
        (
            ('password = "secret"', 'receipt_states = { 256 = "delivered" }'),
            "carriers[0].smpp.receipt_states",
            "'256' is no message_state; write a number from 0 to 255",
        ),
        (
            ('password = "secret"', 'receipt_states = { SENT_OK = "delivered", "sent ok" = "rejected" }'),
            "carriers[0].smpp.receipt_states",
            "'sent ok' and 'SENT_OK' are the same word",
        ),
        (("rate = 100", 'rate = "many"'), "carriers[0].rate", "expected a number, got 'many'"),
        (("rate = 100", "rate = 100\nwindow = 1.5"), "carriers[0].window", "expected a whole number, got 1.5"),
        (('system_id = "sluice"', "system_id = 7"), "carriers[0].smpp.system_id", "between quotation marks"),
        (('password = "secret"', "password = 4711"), "carriers[0].smpp.password", "between quotation marks"),
        (('password = "secret"', 'tls = "perhaps"'), "carriers[0].smpp.tls", "expected true or false, got 'perhaps'"),
        (("rate = 100", "rate = 100\nrtae = 1"), "carriers[0].rtae", "did you mean rate?"),
        (('id = "acme-de"', 'id = "Acme DE"'), "carriers[0].id", "a..z, 0..9"),
        (("rate = 100", "rate = 1000001"), "carriers[0].rate", "1000000"),
        (('host = "127.0.0.1"', ""), "carriers[0].smpp.host", "missing"),
    ],
)
def test_a_bad_carrier_is_named(tmp_path: Path, change: tuple[str, str], place: str, says: str) -> None:
    file = write(tmp_path, CARRIER.replace(*change))
    [fault] = faults_of(toml=file)
    assert fault.startswith(f"{file}: {place}: ") and says in fault


@pytest.mark.parametrize(
    ("routes", "place", "says"),
    [
        (
            '[[routes]]\nprefix = "+49"\ncarriers = ["acme-de", "acme-de"]\nprice = "0.07"\n',
            "routes[0].carriers",
            "names a carrier twice",
        ),
        ('[[routes]]\nprefix = "+49"\ncarriers = ["other"]\nprice = "0.07"\n', "routes[0].carriers", "no carrier 'other'"),
        ('[[routes]]\nprefix = "49"\ncarriers = ["acme-de"]\nprice = "0.07"\n', "routes[0].prefix", 'such as "+49"'),
        ('[[routes]]\nprefix = ""\ncarriers = ["acme-de"]\nprice = "0.00001"\n', "routes[0].price", "decimal"),
        ('[[routes]]\nprefix = ""\ncarriers = ["acme-de"]\nprice = "1"\n' * 2, "routes[1].prefix", "twice"),
    ],
)
def test_a_bad_route_is_named(tmp_path: Path, routes: str, place: str, says: str) -> None:
    file = write(tmp_path, CARRIER + routes)
    [fault] = faults_of(toml=file)
    assert fault.startswith(f"{file}: {place}: ") and says in fault


def test_what_a_carrier_leaves_out(tmp_path: Path) -> None:
    [carrier] = load(toml=write(tmp_path, CARRIER)).settings.carriers
    assert (carrier.window, carrier.binds, carrier.receipt_wait_seconds) == (10, 2, 259_200)
    assert carrier.smpp is not None
    assert (carrier.smpp.bind, carrier.smpp.msg_id_type, carrier.smpp.enquire_link_seconds) == ("transceiver", "auto", 30)


def test_a_carriers_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hidden\n")
    toml = write(tmp_path, CARRIER.replace('password = "secret"', f'password_file = "{tmp_path / "password"}"'))
    [carrier] = load(toml=toml).settings.carriers
    assert carrier.smpp is not None and carrier.smpp.password.get_secret_value() == "hidden"


def test_a_route_as_it_is_given(tmp_path: Path) -> None:
    route = '[[routes]]\nprefix = ""\ncarriers = ["acme-de"]\nprice = "0.0700"\n'
    [found] = load(toml=write(tmp_path, CARRIER + route)).settings.routes
    assert (found.prefix, found.carriers, found.price) == ("", ["acme-de"], Decimal("0.0700"))


def test_all_faults_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, 'typo = 1\ncurrency = "x"\n' + CARRIER.replace("rate = 100", "rate = -1\nbinds = 0"))
    done = sluice("up", "--config", str(file), "--data", str(tmp_path / "data"), SLUICE_GATEWAY__PORT="abc", SLUICE_WHAT="1")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 6
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ["[kafka", "\xff"])
def test_a_file_that_is_no_toml(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode("latin-1"))
    [fault] = faults_of(toml=file)
    assert str(file) in fault and "TOML" in fault


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    file, secret = tmp_path / "marked.toml", tmp_path / "secret"
    file.write_bytes(b"\xef\xbb\xbf[gateway]\r\nport = 9000\r\n")
    secret.write_bytes(b"\xef\xbb\xbfsk_x\r\n")
    settings = load({"SLUICE_API_KEY_FILE": str(secret)}, toml=file).settings
    assert settings.gateway.port == 9000 and settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk_x"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_named(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "sluice.toml"
    file.write_bytes('currency = "EUR"\n'.encode(encoding))
    [fault] = faults_of(toml=file)
    assert "UTF-16" in fault and "save it as UTF-8" in fault
    [fault] = faults_of({"SLUICE_API_KEY_FILE": str(file)})
    assert "UTF-16" in fault


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    [fault] = faults_of(toml=tmp_path / "none.toml")
    assert "cannot be read" in fault


def test_variables_carry_settings_to_a_child() -> None:
    given = {
        "SLUICE_KAFKA__BOOTSTRAP": "h:1",
        "SLUICE_POSTGRES__URL": "postgresql://u:p@h/db",
        "SLUICE_DATA_DIR": "/d",
        "SLUICE_SIMULATOR__SCRIPT": '{"rate": 5}',
        "SLUICE_GATEWAY__PORT": "1",
    }
    assert as_variables(load(given).settings) == given


def test_every_setting_is_documented() -> None:
    assert [row["variable"] for row in variables() if not row["meaning"]] == []

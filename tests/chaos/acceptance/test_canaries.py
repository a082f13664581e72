"""Nothing personal in clear in any file of the data folder: a canary in every place that a client can fill. No digest either
by which a text could be found again: whoever has one could try all codes of six digits.

In: texts, variables, references and numbers of messages of every lane and fate, by API, upload and command line. Out: none
of them in any file, decoded record, row or key, whatever its form. What is said to stay in clear (a campaign's name and
body, a client's reference on the public topic) is found, so the search can find.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from schemas.records.topics import TOPICS
from tests.support.canaries import forms_of_number, forms_of_text, found, found_in_file, keys_of, rows_of
from tests.support.ledger import settled
from tests.support.odd_smsc import odd_smsc, repeating, route_to
from tests.support.processes import descendants
from tests.support.running import Running, campaign_when, until
from tests.support.topic_reader import read_topic

pytestmark = [pytest.mark.slow, pytest.mark.stack]

TEXT, VARIABLE, REF, NAME, OPEN = "Zaunkoenig7Q", "Blaumeise7Q", "Rotkehlchen7Q", "Goldammer7Q", "Feldsperling7Q"
"""What stands in texts of single messages, in values, in references, in names that a client made up; and in clear."""
ODD, UNREAD, KEPT = "+33612345670", "+33612345671", "Wiedehopf7Q"
"""Numbers at a carrier that writes odd receipts; the second one's begin with one that nobody can read, which is kept as it
came, with the number and with what the carrier repeats of the text."""
LANES = ("otp", "transactional", "marketing")
PUBLIC = "delivery-receipts"
Wanted = Mapping[str, Iterable[bytes]]


def plain_digest(content: bytes) -> bytes:
    """As anybody can make one."""
    return blake2b(content, digest_size=16).digest()


class Sending:
    """Everything that was sent."""

    def __init__(self, stack: Running) -> None:
        self._stack = stack
        self._api = stack.api
        self.ids: list[str] = []
        self.numbers: list[str] = []
        self.digests: list[bytes] = []
        self._singles()
        self._odd_receipts()
        self._refused_singles()
        self._command_line()
        self._campaigns()
        self._reads()

    def fresh(self, british: bool = False) -> str:
        """A number of its own for each."""
        number = (self._stack.british if british else self._stack.german)(1)[0]
        self.numbers.append(number)
        return number

    def _note(self, call: str, body: bytes) -> None:
        """The digests that anybody could make of this request."""
        plain = plain_digest(body)
        self.digests += [plain, plain_digest(call.encode() + plain), plain_digest(call.encode() + body)]

    def _singles(self) -> None:
        for lane in LANES:
            for british in (False, True):
                plain = {"to": self.fresh(british), "from": "Shop", "body": f"Code {TEXT}-{lane}", "lane": lane}
                self.ids.append(self._api.post("/v1/messages", plain).id)
            filled = {
                "to": self.fresh(),
                "from": "Shop",
                "lane": lane,
                "client_ref": f"{REF}-{lane}",
                "body": f"{TEXT} {{{{who}}}} {{{{long}}}} “x”",
                "smart_encoding": True,
                "variables": {"who": f"{VARIABLE}-{lane}", "long": f"{VARIABLE} " * 200, "unused": VARIABLE},
            }
            key = f"canary-{lane}"
            first = self._api.post("/v1/messages", filled, Idempotency_Key=key)
            self._note("POST /v1/messages\n", json.dumps(filled).encode())
            self.ids.append(first.id)
            assert self._api.post("/v1/messages", filled, Idempotency_Key=key).body == first.body
            changed = self._api.post("/v1/messages", filled | {"body": f"{TEXT} other"}, Idempotency_Key=key)
            assert changed.status == 422

    def _odd_receipts(self) -> None:
        """Delivered by receipts that are odd, and repeat the text; a message from the handset is refused."""
        receipts = repeating(TEXT.encode(), UNREAD[1:].encode(), KEPT.encode())
        with odd_smsc(receipts, lambda number: b"%d-odd" % (number + 5_000)) as smsc:
            route_to(smsc, self._stack)
            self.numbers.append(ODD)
            for number, text in ((ODD, TEXT), (UNREAD, KEPT)):
                code = {"to": number, "from": "Shop", "body": f"Code {text}", "lane": "otp"}
                self.ids.append(self._api.post("/v1/messages", code).id)
            until(lambda: all(self._api.message(id_)["status"] == "delivered" for id_ in self.ids[-2:]), 60, "odd receipts")
            until(lambda: len(smsc.answers) == smsc.sent, 20, "an answer to every PDU")

    def _refused_singles(self) -> None:
        here = {"to": self.fresh(), "from": "Shop", "body": TEXT, "client_ref": REF}
        refused: list[dict[str, object]] = [
            {"to": "+4915112"},
            {"to": TEXT},
            {"body": f"{TEXT} {{{{gone}}}}"},
            {"body": f"{TEXT}\0"},
            {"body": TEXT * 4000},
            {"lane": TEXT},
            {"from": TEXT},
            {NAME: TEXT},
            {"variables": {"a": 5, TEXT: "b"}},
        ]
        for change in refused:
            assert self._api.post("/v1/messages", here | change, Idempotency_Key="refused").status == 422, change
        for body in (b'{"body": "' + TEXT.encode(), TEXT.encode() * 3):
            headers = {"Content-Type": "application/json"}
            assert self._api.call("POST", "/v1/messages", body, headers).status == 400
        bad_ends = (self.fresh()[:-3] + "666", self.fresh()[:-3] + "667")
        for number in bad_ends:
            self.numbers.append(number)
            self.ids.append(self._api.post("/v1/messages", here | {"to": number, "lane": "otp"}).id)

    def _command_line(self) -> None:
        sent = self._stack.cli(
            "send",
            "--from",
            "Shop",
            "--to",
            self.fresh(),
            "--body",
            f"{TEXT}-cli",
            "--lane",
            "otp",
            "--client-ref",
            f"{REF}-cli",
            "--idempotency-key",
            "canary-cli",
        )
        self.ids.append(sent["id"])
        assert self._stack.cli("message", "show", sent["id"])["client_ref"] == f"{REF}-cli"

    def _campaigns(self) -> None:
        body = {"from": "Shop", "name": f"{OPEN} sale", "body": f"{OPEN} {{{{who}}}}"}
        people = [self._person() for _ in range(20)]
        rough = [
            {"to": "+49151"},
            {"to": TEXT},
            {"to": self.fresh()},
            people[0],
            people[1] | {"client_ref": f"{REF}\0"},
            people[2] | {"variables": {"who": f"{VARIABLE}\0"}},
        ]
        inline = self._api.post("/v1/campaigns", {**body, "recipients": people + rough}, Idempotency_Key="canary-c").id
        draft = self._api.post("/v1/campaigns", {**body, "open": True}).id
        lines = [json.dumps(row) for row in [self._person() for _ in range(20)] + rough]
        odd = [
            json.dumps({"to": self.fresh(), NAME: 1}),
            json.dumps({self.fresh(): self.fresh()}),
            json.dumps({"to": self.fresh(), "variables": {NAME: 5}}),
            f'{{"to": "{self.fresh()}',
            TEXT,
        ]
        upload = "\n".join(lines + odd).encode()
        self._note("", upload)
        assert self._api.upload(draft, upload).status == 202
        rows = [f"{self.fresh()},{VARIABLE} csv,{REF}-csv", f"{self.fresh()},{VARIABLE},,{TEXT}", f"{TEXT},{VARIABLE},"]
        table = "\n".join(["to,who,client_ref", *rows]).encode()
        assert self._api.upload(draft, table, content_type="text/csv").status == 202
        assert self._api.upload(draft, f"to,{NAME}-\n{self.fresh()},x\n".encode(), content_type="text/csv").status == 422
        canceled = self._api.post("/v1/campaigns", {**body, "open": True}).id
        assert self._api.upload(canceled, json.dumps(self._person()).encode()).status == 202
        self._api.post(f"/v1/campaigns/{canceled}/cancel")
        self._api.post(f"/v1/campaigns/{draft}/start")
        assert self._api.post("/v1/preview", {**body, "recipients": people}).status == 200
        for campaign in (inline, draft):
            campaign_when(self._api, campaign, lambda seen: settled(seen["counts"]), 60)
            assert self._api.get(f"/v1/campaigns/{campaign}/rejections").status == 200

    def _person(self) -> dict[str, object]:
        number = self.fresh()
        return {"to": number, "variables": {"who": f"{VARIABLE}-{number[-4:]}"}, "client_ref": f"{REF}-{number[-4:]}"}

    def _reads(self) -> None:
        assert self._api.listed(to=self.numbers[0]) and self._api.listed(client_ref=f"{REF}-otp")
        for query in ({"to": TEXT}, {"client_ref": REF, "status": TEXT}, {"cursor": TEXT}, {NAME: TEXT}):
            assert self._api.get("/v1/messages", **query).status in (200, 400, 422)
        assert self._api.get(f"/v1/messages/{TEXT}").status == 404
        assert self._stack.run("route", "test", self.numbers[0]).returncode == 0


@pytest.fixture(scope="module")
def sending(stack: Running) -> Sending:
    sent = Sending(stack)
    ends = ("delivered", "failed", "undelivered")
    until(lambda: all(stack.api.get(f"/v1/messages/{one}").body["status"] in ends for one in sent.ids), 60, "every single")
    assert stack.verify()["ok"] is True
    with psycopg.connect(stack.line["postgres"], autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    return sent


@pytest.fixture(scope="module")
def words(sending: Sending) -> Wanted:
    return {word: forms_of_text(word) for word in (TEXT, VARIABLE, REF, NAME)}


@pytest.fixture(scope="module")
def personal(sending: Sending, words: Wanted) -> Wanted:
    """Words, and some of the numbers: each costs a dozen looks at every byte."""
    return {**words, **{number: forms_of_number(number) for number in (ODD, *sending.numbers[::12])}}


def files(stack: Running) -> Iterator[tuple[str, Path]]:
    """Every file of the data folder by its name in it."""
    folder = Path(stack.line["data_dir"])
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path


@pytest.fixture(scope="module")
def digests(sending: Sending) -> Wanted:
    return {digest.hex(): [digest, base64.b64encode(digest), digest.hex().encode()] for digest in sending.digests}


def is_carriers(name: str) -> bool:
    """The simulated carrier's own record of submits has the numbers, as a carrier does."""
    return name.startswith("logs/simulator-smsc.log")


def test_the_search_finds_what_is_in_clear(stack: Running, sending: Sending) -> None:
    wanted = {OPEN: forms_of_text(OPEN)}
    kinds = {name.split("/")[0] for name, path in files(stack) if found_in_file(path, wanted)}
    assert {"kafka", "postgres"} <= kinds
    number = {"one": forms_of_number(sending.numbers[0])}
    assert [name for name, path in files(stack) if is_carriers(name) and found_in_file(path, number)]
    assert any(REF in record.value.decode("latin-1") for record in read_topic(stack.line["kafka"], PUBLIC))
    for form in forms_of_text(TEXT) | forms_of_number(sending.numbers[0]):
        assert found(b"x" + form + b"y", {"it": [form]}) == ["it"]


def test_no_file_has_anything_personal(stack: Running, words: Wanted, personal: Wanted) -> None:
    seen = set()
    for name, path in files(stack):
        seen.add(name.split("/")[0])
        if is_carriers(name):
            assert found_in_file(path, words) == [], name
        elif name.startswith(f"kafka/logs/{PUBLIC}-"):
            assert found_in_file(path, {what: forms for what, forms in personal.items() if what != REF}) == [], name
        else:
            assert found_in_file(path, personal) == [], name
    assert {"kafka", "postgres", "redis", "logs", "run", "stack.json", "credentials.json"} <= seen
    assert found_in_file(stack.folder / "up.err", personal) == []


def test_a_receipt_that_nobody_can_read_is_kept_among_the_dead_letters_alone(stack: Running, sending: Sending) -> None:
    wanted = {KEPT: forms_of_text(KEPT), UNREAD: forms_of_number(UNREAD)}
    letters = until(
        lambda: [record for record in read_topic(stack.line["kafka"], "dead-letter") if found(record.value, wanted)],
        30,
        "its dead letter",
    )
    assert [one.headers["x-error-class"] for one in letters] == ["UnreadableReceipt"]
    until(lambda: any(found(row, wanted) for table, row in rows_of(stack.line["postgres"])), 30, "its row")
    assert {table for table, row in rows_of(stack.line["postgres"]) if found(row, wanted)} == {"dead_letters"}
    for name, path in files(stack):
        if not name.startswith(("kafka/logs/dead-letter-", "postgres/")):
            assert found_in_file(path, wanted) == [], name


def test_no_digest_of_a_request_can_be_tried(stack: Running, digests: Wanted) -> None:
    for name, path in files(stack):
        assert found_in_file(path, digests) == [], name
    for table, row in rows_of(stack.line["postgres"]):
        assert found(row, digests) == [], table
    for topic in (f"ingest-{lane}" for lane in LANES):
        for record in read_topic(stack.line["kafka"], topic):
            assert found(record.value, digests) == [], (topic, record.offset)


@pytest.mark.parametrize("topic", [row.name for row in TOPICS])
def test_no_record_has_anything_personal(stack: Running, personal: Wanted, topic: str) -> None:
    wanted = {what: forms for what, forms in personal.items() if what != REF or topic != PUBLIC}
    for record in read_topic(stack.line["kafka"], topic):
        headers = "\n".join(f"{name}={value}" for name, value in record.headers.items()).encode()
        content = (record.key or b"") + b"\n" + record.value + b"\n" + headers
        assert found(content, wanted) == [], (topic, record.offset)


def test_no_row_and_no_key_has_anything_personal(stack: Running, personal: Wanted) -> None:
    for table, row in rows_of(stack.line["postgres"]):
        assert found(row, personal) == [], table
    names = 0
    for name, content in keys_of(stack.line["redis"]):
        names += 1
        assert found(content, personal) == [], name
    assert names


def test_nothing_in_the_data_folder_is_open_to_others(stack: Running, sending: Sending) -> None:
    folder = Path(stack.line["data_dir"])
    assert [
        str(path)
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and path.exists() and path.stat().st_mode & 0o077
    ] == []


def test_redis_asks_for_a_password_that_no_command_line_shows(stack: Running) -> None:
    address = urlsplit(stack.line["redis"])
    assert address.password and address.port
    once = Retry(NoBackoff(), 0)
    with redis.Redis(host="127.0.0.1", port=address.port, retry=once) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    secrets = [
        address.password,
        urlsplit(stack.line["postgres"]).password or "",
        stack.line["api_key"],
        stack.line["admin_key"],
    ]
    for process in descendants(stack.process.pid):
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode(errors="replace")
        assert [secret for secret in secrets if secret in words] == [], words[:200]

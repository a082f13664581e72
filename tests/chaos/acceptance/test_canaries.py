"""Nothing personal in clear in any file of the data folder: a canary in every place that a client can fill. No digest either
by which a text could be found again: whoever has one could try all codes of six digits.

In: texts, variables, references and numbers of messages of every lane and fate, by API, upload and command line. Out: none
of them in any file, decoded record, row or key, whatever its form. What is said to stay in clear (a campaign's name and
body, a client's reference on the public topic) is found, so the search can find.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from schemas.records.topics import TOPICS
from tests.support.canaries import forms_of_number, forms_of_text, found, found_in_file, keys_of, rows_of
from tests.support.canary_sending import KEPT, LANES, NAME, ODD, OPEN, REF, TEXT, UNREAD, VARIABLE, Sending
from tests.support.processes import descendants
from tests.support.running import Running, until
from tests.support.topic_reader import read_topic

pytestmark = [pytest.mark.slow, pytest.mark.stack]

PUBLIC = "delivery-receipts"
Wanted = Mapping[str, Iterable[bytes]]


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

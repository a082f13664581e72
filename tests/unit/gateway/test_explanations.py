"""Bodies that are refused name field, value and mend in words of people; what is kept of an upload repeats no value."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import msgspec
import pytest

from gateway.campaigns.incremental import read_campaign
from gateway.campaigns.schedules import Reschedule
from gateway.campaigns.types import CampaignRequest, RetryRequest
from gateway.http.body import decode_json
from gateway.http.problem import Problem
from gateway.messages.types import MessageRequest
from gateway.recipients.lines import read_recipients
from gateway.screening.types import Recipient
from gateway.stops.types import StopRequest

CAMPAIGN = msgspec.json.Decoder(CampaignRequest)
MESSAGE = msgspec.json.Decoder(MessageRequest)


@pytest.mark.parametrize(
    ("data", "pointer", "code", "detail"),
    [
        (b'{"to":4915112345678,"from":"S","body":"x"}', "/to", "wrong_type",
         "expected text, got 4915112345678; write it between quotation marks"),
        (b'{"to":"+4915112345678","from":"S","body":"x","variables":{"a":"b","c":7}}', "/variables/c", "wrong_type",
         "expected text, got 7; write it between quotation marks"),
        (b'{"to":"+4915112345678","from":"S","body":""}', "/body", "out_of_range",
         'expected at least 1 character, got ""; add some'),
        (b'{"to":"+4915112345678","from":"S"}', "/body", "missing_field", "the field \'body\' is missing; add it"),
        (b'{"to":"+4915112345678","from":"S","body":"x","lane":"slow"}', "/lane", "bad_value",
         'expected otp, transactional or marketing, got "slow"'),
        (b'{"to":"+4915112345678","from":"S","body":"x","send_at":"tomorrow"}', "/send_at", "out_of_range",
         'expected a time with its offset from UTC, such as 2027-03-01T09:00:00+01:00, got "tomorrow"'),
        (b'["to"]', "", "wrong_type", "expected an object, got a list; put it between { and }"),
    ],
)  # fmt: skip
def test_a_refusal_names_field_value_and_mend(data: bytes, pointer: str, code: str, detail: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_json(data, MESSAGE)
    [fault] = refused.value.errors
    assert (fault.pointer, fault.code, fault.detail) == (pointer, code, detail)


@pytest.mark.parametrize(
    ("field", "detail"),
    [
        ("bdoy", "there is no field 'bdoy'; did you mean 'body'?"),
        ("From", "there is no field 'From'; did you mean 'from'?"),
        ("recipient", "there is no field 'recipient'; did you mean 'recipients'?"),
        ("sender", "there is no field 'sender'; there are name, from, body, lane,"),
    ],
)
def test_an_unknown_field_names_the_one_that_was_meant(field: str, detail: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_json(b'{"%s": 1}' % field.encode(), CAMPAIGN)
    [fault] = refused.value.errors
    assert (fault.pointer, fault.code) == (f"/{field}", "unknown_field") and fault.detail.startswith(detail)


@pytest.mark.parametrize(
    ("body", "pointer", "meant"),
    [
        (b'{"recipients": [{"to": "1", "varaibles": {}}]}', "/recipients/0/varaibles", "variables"),
        (b'{"schedule": {"start": "x"}}', "/schedule/start", "start_at"),
        (b'{"schedule": {"window": {"dayz": []}}}', "/schedule/window/dayz", "days"),
    ],
)
def test_a_field_within_is_known_too(body: bytes, pointer: str, meant: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_json(body, CAMPAIGN)
    [fault] = refused.value.errors
    assert fault.pointer == pointer and fault.detail.endswith(f"did you mean '{meant}'?")


def test_of_a_long_body_too() -> None:
    people = b",".join([b'{"to": "+4915112345678"}'] * 4_000) + b',{"to": "x", "client_rev": "y"}'
    with pytest.raises(Problem) as refused:
        exhaust(read_campaign(b'{"name": "x", "from": "Shop", "body": "x", "recipients": [' + people + b"]}"))
    [fault] = refused.value.errors
    assert (fault.pointer, fault.detail) == (
        "/recipients/4000/client_rev",
        "there is no field 'client_rev'; did you mean 'client_ref'?",
    )


def exhaust(steps: Iterator[None]) -> None:
    for _ in steps:
        pass


@pytest.mark.parametrize(
    ("data", "record", "pointer", "code", "detail"),
    [
        (b'{"window":{"from":"9","to":"20:00"}}', Reschedule, "/window/from", "out_of_range",
         'expected a time of the day such as 09:00, got "9"'),
        (b'{"window":{"from":"09:00","to":"20:00","days":["fri","fry"]}}', Reschedule, "/window/days/1", "bad_value",
         'expected days of the week: mon, tue, wed, thu, fri, sat, sun, got "fry"'),
        (b'{"scope":"all"}', RetryRequest, "/scope", "bad_value",
         'expected failed, expired, unsent or uncertain, got "all"'),
        (b'{"kind":"x"}', StopRequest, "/kind", "bad_value", 'expected tenant, sender, carrier or all, got "x"'),
    ],
)  # fmt: skip
def test_a_choice_and_a_form_name_what_they_take(data: bytes, record: type, pointer: str, code: str, detail: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_json(data, msgspec.json.Decoder(record))
    [fault] = refused.value.errors
    assert (fault.pointer, fault.code, fault.detail) == (pointer, code, detail)


def test_what_is_no_json_names_the_place() -> None:
    with pytest.raises(Problem) as refused:
        decode_json(b'{"to" 5}', MESSAGE)
    assert refused.value.detail == "the body is not JSON: expected ':', at byte 6"


def test_a_recipient_of_a_long_body_is_named_like_one_of_a_short() -> None:
    good = b'{"to":"+4915112345678","variables":{"a":"' + b"x" * 50_000 + b'"}},'
    data = b'{"name":"n","from":"S","body":"x","recipients":[' + good * 2 + b'{"to":"+49","variables":{"a":7}}]}'
    with pytest.raises(Problem) as refused:
        list(read_campaign(data))
    [fault] = refused.value.errors
    assert (fault.pointer, fault.detail) == (
        "/recipients/2/variables/a", "expected text, got 7; write it between quotation marks"
    )  # fmt: skip


def test_verdicts_that_are_kept_repeat_no_value() -> None:
    [[verdict]] = read_recipients(BytesIO(b'{"to":4915112345678}\n'))
    assert not isinstance(verdict, Recipient)
    assert (verdict.pointer, verdict.detail) == (
        "/to",
        "expected text, got a whole number; write it between quotation marks",
    )

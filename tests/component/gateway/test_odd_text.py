"""Odd Unicode all the way into PostgreSQL and out again: a verdict for whom it concerns, never a 500."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from aiohttp import ClientSession

pytestmark = pytest.mark.stack
PIECES = (
    "a",
    "\0",
    "\ud800",
    "\udfff",
    "\U0001f600",
    "\\",
    '"',
    "\x01",
    "\x7f",
    "\u2028",
    "\ufeff",
    "\uffff",
    "\u202e",
    "{{",
    "}}",
    "{{x}}",
    "%s",
    "\u0301",
    "\U0010ffff",
)


def odd_texts(count: int) -> list[str]:
    chosen = random.Random(20_260_101)
    return ["".join(chosen.choices(PIECES, k=chosen.randint(1, 4))) for _ in range(count)]


def recipients(odd: str) -> list[dict[str, Any]]:
    good = {"client_ref": "r", "variables": {"name": "Ann", "other": "x"}}
    rows = [
        good,
        good | {"client_ref": odd},
        good | {"variables": {"name": odd, "other": odd}},
        good | {"variables": {"name": "Bob", "other": odd}},
        good,
    ]
    return [{"to": f"+491511234560{n}"} | row for n, row in enumerate(rows)] + [good | {"to": odd}]


async def post(client: ClientSession, path: str, body: bytes, content: str = "application/json") -> tuple[int, Any]:
    async with client.post(path, data=body, headers={"Content-Type": content}) as response:
        return response.status, await response.json(content_type=None)


async def test_one_bad_recipient_does_not_refuse_the_others(client: ClientSession) -> None:
    campaign: dict[str, Any] = {"name": "x", "from": "Shop", "body": "Hi {{name}}", "recipients": recipients("\ud800")[:5]}
    expected = [(1, "/client_ref", "bad_text"), (2, "/variables/name", "bad_text")]
    for path, status, key in (("/v1/campaigns", 202, "accepted"), ("/v1/preview", 200, "recipients")):
        got, answer = await post(client, path, json.dumps(campaign).encode())
        assert (got, answer[key]) == (status, 3), answer
        assert [(r["index"], r["pointer"], r["code"]) for r in answer["rejected"]] == [
            (index, f"/recipients/{index}{pointer}", code) for index, pointer, code in expected
        ]
    _, made = await post(client, "/v1/campaigns", json.dumps(campaign | {"open": True, "recipients": []}).encode())
    lines = b"\n".join(json.dumps(recipient).encode() for recipient in campaign["recipients"])
    got, part = await post(client, f"/v1/campaigns/{made['id']}/recipients", lines, "application/x-ndjson")
    assert (got, part["accepted"]) == (202, 3)
    assert [(r["index"], r["pointer"], r["code"]) for r in part["rejected"]] == expected


async def test_unknown_names_are_not_kept(client: ClientSession) -> None:
    _, made = await post(client, "/v1/campaigns", b'{"name": "x", "from": "Shop", "body": "Hi", "open": true}')
    names = ("\0", "\ud800", "y" * 60_000, "/~", "+4915112345678", "phone")
    lines = b"\n".join(json.dumps({"to": "+4915112345678", name: 1}).encode() for name in names)
    status, part = await post(client, f"/v1/campaigns/{made['id']}/recipients", lines, "application/x-ndjson")
    assert (status, part["accepted"]) == (202, 0)
    assert [(r["pointer"], r["code"]) for r in part["rejected"]] == [("", "unknown_field")] * len(names)
    async with client.get(f"/v1/campaigns/{made['id']}/rejections") as response:
        kept = (await response.json())["rejections"]
    assert [row["pointer"] for row in kept] == [""] * len(names) and "+49" not in json.dumps(kept)


async def test_never_a_fault_of_ours(client: ClientSession) -> None:
    message = {"to": "+4915112345678", "from": "Shop", "body": "Hi {{name}}", "variables": {"name": "Ann"}}
    campaign: dict[str, Any] = {"name": "x", "from": "Shop", "body": "Hi {{name}}"}
    for odd in odd_texts(40):
        bodies = [
            ("/v1/messages", message | change)
            for change in (
                {"to": odd},
                {"from": odd},
                {"body": odd},
                {"lane": odd},
                {"client_ref": odd},
                {odd: odd},
                {"variables": {"name": odd}},
                {"variables": {odd: odd}},
                {"validity_seconds": odd},
            )
        ]
        bodies += [
            (path, campaign | {"recipients": recipients(odd)} | change)
            for path in ("/v1/campaigns", "/v1/preview")
            for change in ({}, {"name": odd}, {"body": odd}, {"from": odd}, {"max_price": odd})
        ]
        for path, body in bodies:
            status, answer = await post(client, path, json.dumps(body).encode())
            assert status in (200, 202, 422), (path, body, answer)
            if status == 422:
                assert answer["errors"][0]["pointer"] or odd in body, (path, body, answer)
        _, made = await post(client, "/v1/campaigns", json.dumps(campaign | {"open": True}).encode())
        lines = b"\n".join(json.dumps(row).encode() for row in [*recipients(odd), {odd: odd}, {"to": "+491", odd: 1}])
        rows = f'to,client_ref,name,other\n+4915112345678,"{odd}","{odd}",\n"{odd}",,,x\n+4915112345679,r,n,"{odd}"\n'
        for number, (content, part) in enumerate(
            (("application/x-ndjson", lines), ("text/csv", rows.encode(errors="surrogatepass")))
        ):
            async with client.post(
                f"/v1/campaigns/{made['id']}/recipients",
                data=part,
                headers={"Content-Type": content, "Upload-Part": str(number)},
            ) as response:
                assert response.status == 202, (odd, content, await response.text())
        async with client.get(f"/v1/campaigns/{made['id']}/rejections") as response:
            assert response.status == 200 and (await response.json())["rejections"]
        async with client.get("/v1/messages", params={"client_ref": odd.encode(errors="replace").decode()}) as response:
            assert response.status in (200, 422), odd

"""Messages of every lane and fate with a canary in every place that a client can fill, sent by API, upload and command line.

In: a running stack. Out: what was sent: ids, numbers, digests that anybody could make of the requests.
"""

from __future__ import annotations

import json
from hashlib import blake2b

from tests.support.ledger import settled
from tests.support.odd_smsc import odd_smsc, repeating, route_to
from tests.support.running import Running, campaign_when, until

TEXT, VARIABLE, REF, NAME, OPEN = "Zaunkoenig7Q", "Blaumeise7Q", "Rotkehlchen7Q", "Goldammer7Q", "Feldsperling7Q"
"""What stands in texts of single messages, in values, in references, in names that a client made up; and in clear."""
ODD, UNREAD, KEPT = "+33612345670", "+33612345671", "Wiedehopf7Q"
"""Numbers at a carrier that writes odd receipts; the second one's begin with one that nobody can read, which is kept as it
came, with the number and with what the carrier repeats of the text."""
LANES = ("otp", "transactional", "marketing")


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

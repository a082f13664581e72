"""A single message of a request, on its way into Kafka: checked, put among those that go with it, answered.

Enters: an account, a decoded request, its idempotency key and digest. Leaves: the answer, by call-back on the loop or as a
coroutine: the 202 once Kafka has the message. Raises Problem where nothing was begun: refused by its content, its account,
or a key that is in use in this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.auth.accounts import Account, Accounts
from gateway.auth.permissions import check_balance, check_sender, check_stopped
from gateway.http.context import now_ms
from gateway.http.problem import Problem
from gateway.idempotency.keys import Idempotency, Stored
from gateway.messages.accepted import accepted
from gateway.messages.member import Member
from gateway.messages.shared_chunks import SharedChunks
from gateway.messages.singles import Checked, check_message, group_of
from gateway.messages.types import DEFAULT_LANE, MessageRequest
from gateway.profiles import Terms, terms_of
from schemas.rules.stops import Stop
from schemas.values.ids import MessageId, TenantId, derived_id

Answer = Callable[[Stored | Problem, bool], None]
"""The 202, or why not; and whether an earlier request under the same key made the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What single messages pass through. `refused_stops`: the emergency stops whose messages are refused, not kept."""

    accounts: Accounts
    idempotency: Idempotency
    shared: SharedChunks
    refused_stops: Callable[[], frozenset[Stop]]

    def check(self, account: Account, message: MessageRequest) -> tuple[Checked, Terms]:
        """The message as this account may send it, and under which terms. Raises Problem."""
        terms = terms_of(self.accounts.profiles, account, message, DEFAULT_LANE)
        check_sender(account, message.sender, terms.lane)
        check_stopped(self.refused_stops(), account, message.sender)
        checked = check_message(message, self.accounts.routes, now_ms())
        check_balance(account.available, checked.price, "/body")
        return checked, terms

    def begin(
        self,
        account: Account,
        message: MessageRequest,
        answer: Answer,
        *,
        key: str | None,
        digest: bytes | None,
        traceparent: str,
    ) -> None:
        """Check it and send it on its way; `answer` is called later. `digest` of the request, where it has a key. Raises
        Problem where nothing was begun."""
        checked, terms = self.check(account, message)
        tenant = account.tenant

        def tell(outcome: MessageId | Problem, replayed: bool) -> None:
            if key is not None:
                refused = isinstance(outcome, Problem) and outcome.status < 500
                self.idempotency.leave(tenant, key, None if refused else digest)
            if isinstance(outcome, Problem):
                answer(outcome, False)
            else:
                answer(accepted(outcome, checked.encoding, checked.segments), replayed)

        if key is not None:
            self.idempotency.enter(tenant, key, digest or b"")
        member = Member(
            checked=checked,
            traceparent=traceparent,
            answer=tell,
            root="" if key is None else derived_id(TenantId(tenant), key),
            digest=digest or b"",
        )
        try:
            self.shared.put(group_of(tenant, message, terms, keyed=key is not None), member)
        except Problem:
            if key is not None:
                self.idempotency.leave(tenant, key, None)
            raise


def answer_of(begin: Callable[[Answer], None]) -> asyncio.Future[tuple[Stored, bool]]:
    """What `begin` calls back, as a future; it fails with the Problem. Raises what `begin` raises."""
    future: asyncio.Future[tuple[Stored, bool]] = asyncio.get_running_loop().create_future()

    def answer(outcome: Stored | Problem, replayed: bool) -> None:
        if future.done():
            return
        if isinstance(outcome, Problem):
            # Neighbours get the same one, and each frame that raises it would write into it.
            future.set_exception(Problem(outcome.status, outcome.code, outcome.detail, outcome.errors, outcome.headers))
        else:
            future.set_result((outcome, replayed))

    begin(answer)
    return future


ACCEPTANCE: web.AppKey[Acceptance] = web.AppKey("acceptance", Acceptance)

"""The queue of notifications: what is announced is sent until the merchant has taken it.

Delivery is at least once and in no promised order, as both providers document it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from msgspec.structs import replace

from sandbox.providers.agenda import Agenda
from sandbox.providers.clock import Clock
from sandbox.providers.plans import Plan, Webhooks
from sandbox.providers.store import Store
from sandbox.providers.webhooks.model import (
    DELIVERY_MODE,
    NOTIFICATION,
    WITHHELD,
    Attempt,
    DeliveryMode,
    Mode,
    Notification,
    NotificationState,
    Tamper,
    Withheld,
)
from sandbox.providers.webhooks.sender import NotSent, Sender

ATTEMPTS_SHOWN_MAX = 50
RETRY_GROWTH = 2
RETRY_S_MAX = 60.0
# Of a payment that is never followed by a second notification, the first comes all the same.
WITHHELD_S_MAX = 60.0


class Signer(Protocol):
    """How a provider signs what it sends."""

    def headers(
        self, notification: Notification, body: bytes, tamper: Tamper | None
    ) -> dict[str, str]:
        """Return the headers of one transmission; inside ``store.transact``."""
        ...


class Outbox:
    """Notifications on their way to merchants."""

    def __init__(
        self, store: Store, clock: Clock, signer: Signer, *, attempts_max: int, retry_s: float
    ) -> None:
        """Take how often, and after how many seconds first, an untaken notification is tried again."""
        self._store = store
        self._clock = clock
        self._signer = signer
        self._attempts_max = attempts_max
        self._retry_s = retry_s
        self._agenda = Agenda(store, clock, "delivery")
        self._sender = Sender()
        stored = store.get(DELIVERY_MODE, "", DeliveryMode)
        self._mode = stored.mode if stored else Mode.AUTO

    @property
    def mode(self) -> Mode:
        """Whether notifications set out by themselves."""
        return self._mode

    async def set_mode(self, mode: Mode) -> None:
        """Hold what is announced from now on, or let everything that waits set out."""
        await self._store.transact(lambda: self._store.put(DELIVERY_MODE, "", DeliveryMode(mode)))
        self._mode = mode
        self._agenda.look_again()

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        try:
            await self._agenda.run(self._send_due, paused=lambda: self._mode is Mode.HOLD)
        finally:
            await self._sender.close()

    def announce(self, notification: Notification, plan: Plan | None) -> None:
        """Queue a notification; inside the transaction that makes what it tells."""
        plan = plan or Plan()
        at = self._clock.now()
        match plan.webhooks:
            case Webhooks.PROMPT:
                pass
            case Webhooks.DUPLICATE:
                notification = replace(notification, copies=2)
            case Webhooks.LATE:
                at += timedelta(milliseconds=plan.after_ms)
            case Webhooks.REORDERED:
                at = self._reordered(notification, plan.after_ms)
            case Webhooks.LOST:
                notification = replace(notification, state=NotificationState.DROPPED)
        self._store.put(NOTIFICATION, notification.id, notification)
        if notification.state is NotificationState.WAITING:
            self._agenda.add(notification.id, at)

    def _reordered(self, notification: Notification, after_ms: int) -> datetime:
        """Return when to send: a payment's first notification follows its second."""
        now = self._clock.now()
        key = notification.payment_id
        first = Withheld(notification_id=notification.id, released=False)
        if self._store.claim(WITHHELD, key, first):
            return now + timedelta(seconds=WITHHELD_S_MAX)
        known = self._store.get(WITHHELD, key, Withheld)
        assert known is not None, "the claim has just met it"
        if not known.released:
            self._store.put(WITHHELD, key, replace(known, released=True))
            if self._agenda.has(known.notification_id):
                self._agenda.add(known.notification_id, now + timedelta(milliseconds=after_ms))
        return now

    def send_again(self, notification: Notification) -> None:
        """Queue a notification anew, whatever became of it; inside ``store.transact``."""
        waiting = replace(notification, state=NotificationState.WAITING, failures=0)
        self._store.put(NOTIFICATION, notification.id, waiting)
        self._agenda.add(notification.id, self._clock.now())

    async def _send_due(self, notification_id: str) -> None:
        notification = await self._store.transact(lambda: self.find(notification_id))
        assert notification is not None, "queued with the notification, which stays"
        for _ in range(notification.copies):
            attempt = await self._transmit(notification, None)
            await self._record(notification_id, attempt, self._after_attempt)
            if not attempt.taken:
                break

    def find(self, notification_id: str) -> Notification | None:
        """Return a notification; inside ``store.transact``."""
        return self._store.get(NOTIFICATION, notification_id, Notification)

    async def deliver(
        self, notification_id: str, *, times: int, tamper: Tamper | None
    ) -> list[Attempt] | None:
        """Send a notification now, whatever its state; return what came of it, or nothing if unknown."""
        notification = await self._store.transact(lambda: self.find(notification_id))
        if notification is None:
            return None
        attempts = []
        for _ in range(times):
            attempt = await self._transmit(notification, tamper)
            await self._record(notification_id, attempt, self._after_delivery)
            attempts.append(attempt)
        return attempts

    async def drop(self, notification_id: str) -> bool:
        """Never send a notification by itself; say whether it was still to be sent."""

        def forget() -> bool:
            notification = self.find(notification_id)
            if notification is None or not self._agenda.remove(notification_id):
                return False
            dropped = replace(notification, state=NotificationState.DROPPED)
            self._store.put(NOTIFICATION, notification_id, dropped)
            return True

        return await self._store.transact(forget)

    async def _transmit(self, notification: Notification, tamper: Tamper | None) -> Attempt:
        body = notification.body.encode()
        headers = await self._store.transact(
            lambda: self._signer.headers(notification, body, tamper)
        )
        if tamper is Tamper.BODY:
            body = body.removesuffix(b"}") + b',"tampered":true}'
        now = datetime.now(UTC)
        try:
            status = await self._sender.post(
                notification.url, body, {"Content-Type": "application/json"} | headers
            )
        except NotSent as error:
            return Attempt(at=now, problem=str(error), tamper=tamper)
        return Attempt(at=now, status=status, tamper=tamper)

    async def _record(
        self,
        notification_id: str,
        attempt: Attempt,
        after: Callable[[Notification, Attempt], Notification],
    ) -> None:
        def write() -> None:
            notification = self.find(notification_id)
            assert notification is not None, "notifications stay"
            attempts = [*notification.attempts, attempt][-ATTEMPTS_SHOWN_MAX:]
            changed = after(replace(notification, attempts=attempts), attempt)
            self._store.put(NOTIFICATION, notification_id, changed)

        await self._store.transact(write)

    def _after_attempt(self, notification: Notification, attempt: Attempt) -> Notification:
        if attempt.taken:
            return self._after_delivery(notification, attempt)
        if not self._agenda.has(notification.id):
            return notification  # dropped, or delivered by hand, while this attempt was under way
        failures = notification.failures + 1
        if failures >= self._attempts_max:
            self._agenda.remove(notification.id)
            return replace(notification, failures=failures, state=NotificationState.FAILED)
        wait_s = min(self._retry_s * RETRY_GROWTH ** (failures - 1), RETRY_S_MAX)
        self._agenda.add(notification.id, self._clock.now() + timedelta(seconds=wait_s))
        return replace(notification, failures=failures)

    def _after_delivery(self, notification: Notification, attempt: Attempt) -> Notification:
        if attempt.taken and attempt.tamper is None:
            self._agenda.remove(notification.id)
            return replace(notification, state=NotificationState.DELIVERED)
        return notification

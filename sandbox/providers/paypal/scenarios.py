"""The scenarios of the simulated PayPal."""

from sandbox.providers.faults import Fault, FaultKind
from sandbox.providers.paypal.model import DisputeOutcome, OrderPlan
from sandbox.providers.plans import Webhooks
from sandbox.providers.scenarios import Scenario

BURST = 3
SLOW_MS = 5_000


SCENARIOS: dict[str, Scenario[OrderPlan]] = {
    "pending": Scenario(
        description="the capture is held for review and stays PENDING",
        plan=OrderPlan(capture_held=True),
    ),
    "pending-then-completed": Scenario(
        description="the capture is held for review, afterMs later it is COMPLETED",
        plan=OrderPlan(capture_held=True, capture_settles_as="COMPLETED"),
    ),
    "pending-then-declined": Scenario(
        description="the capture is held for review, afterMs later it is DECLINED",
        plan=OrderPlan(capture_held=True, capture_settles_as="DECLINED"),
    ),
    "refund-pending-then-completed": Scenario(
        description="refunds are PENDING, afterMs later COMPLETED",
        plan=OrderPlan(refunds_held=True, refunds_settle_as="COMPLETED"),
    ),
    "refund-pending-then-failed": Scenario(
        description="refunds are PENDING, afterMs later FAILED; the money stays with the merchant",
        plan=OrderPlan(refunds_held=True, refunds_settle_as="FAILED"),
    ),
    "expired": Scenario(
        description="the order is valid for one second only",
        plan=OrderPlan(validity_s=1),
    ),
    "dispute-opened-then-resolved": Scenario(
        description="afterMs after the capture the payer disputes it, afterMs later the seller is right",
        plan=OrderPlan(dispute=True, dispute_outcome=DisputeOutcome.RESOLVED_SELLER_FAVOUR),
    ),
    "dispute-opened-then-lost": Scenario(
        description="afterMs after the capture the payer disputes it, afterMs later the money goes back",
        plan=OrderPlan(dispute=True, dispute_outcome=DisputeOutcome.RESOLVED_BUYER_FAVOUR),
    ),
    "dispute-opened": Scenario(
        description="afterMs after the capture the payer disputes it",
        plan=OrderPlan(dispute=True),
    ),
    "webhook-duplicate": Scenario(
        description="every notification is sent twice",
        plan=OrderPlan(webhooks=Webhooks.DUPLICATE),
    ),
    "webhook-late": Scenario(
        description="every notification sets out afterMs late",
        plan=OrderPlan(webhooks=Webhooks.LATE),
    ),
    "webhook-reordered": Scenario(
        description="the first notification sets out afterMs after the second",
        plan=OrderPlan(webhooks=Webhooks.REORDERED),
    ),
    "webhook-lost": Scenario(
        description="no notification sets out",
        plan=OrderPlan(webhooks=Webhooks.LOST),
    ),
    "declined-once": Scenario(
        description="the first capture is refused with INSTRUMENT_DECLINED, the next is not",
        faults=(Fault(operation="capture", kind=FaultKind.REFUSE, code="INSTRUMENT_DECLINED"),),
    ),
    "declined": Scenario(
        description="the capture is refused for good with TRANSACTION_REFUSED",
        faults=(Fault(operation="capture", kind=FaultKind.REFUSE, code="TRANSACTION_REFUSED"),),
    ),
    "lost-capture-request": Scenario(
        description="the connection closes before the capture was made",
        faults=(Fault(operation="capture", kind=FaultKind.DROP_BEFORE),),
    ),
    "lost-capture-answer": Scenario(
        description="the connection closes after the capture was made",
        faults=(Fault(operation="capture", kind=FaultKind.DROP_AFTER),),
    ),
    "late-capture-answer": Scenario(
        description="the capture is made and answered afterMs later",
        faults=(Fault(operation="capture", kind=FaultKind.DELAY_AFTER, delay_ms=SLOW_MS),),
    ),
    "slow-capture-answer": Scenario(
        description="the answer to the capture arrives in pieces over afterMs",
        faults=(Fault(operation="capture", kind=FaultKind.SLOW_BYTES, delay_ms=SLOW_MS),),
    ),
    "empty-capture-answer": Scenario(
        description="the capture is made and answered with an empty body",
        faults=(Fault(operation="capture", kind=FaultKind.EMPTY_AFTER),),
    ),
    "error-page-after-capture": Scenario(
        description="the capture is made and answered with 502 and an HTML page",
        faults=(Fault(operation="capture", kind=FaultKind.STATUS_AFTER, status=502),),
    ),
    "capture-rate-limited": Scenario(
        description="three captures are refused with 429 and Retry-After: 1",
        faults=(
            Fault(
                operation="capture",
                kind=FaultKind.REFUSE,
                code="RATE_LIMIT_REACHED",
                retry_after_s=1,
                times=BURST,
            ),
        ),
    ),
    "capture-unavailable": Scenario(
        description="three captures are refused with 503",
        faults=(
            Fault(
                operation="capture",
                kind=FaultKind.REFUSE,
                code="SERVICE_UNAVAILABLE",
                times=BURST,
            ),
        ),
    ),
}

"""The scenarios of the simulated Pagadito."""

from sandbox.providers.faults import Fault, FaultKind
from sandbox.providers.pagadito.model import ChargePlan
from sandbox.providers.plans import Webhooks
from sandbox.providers.scenarios import Scenario

BURST = 3
SLOW_MS = 5_000

SCENARIOS: dict[str, Scenario[ChargePlan]] = {
    "verifying": Scenario(
        description="the payment is held and stays VERIFYING (FAILED where pending is not allowed)",
        plan=ChargePlan(paying="held"),
    ),
    "verifying-then-completed": Scenario(
        description="the payment is VERIFYING, afterMs later COMPLETED",
        plan=ChargePlan(paying="held", settles_as="COMPLETED"),
    ),
    "verifying-then-revoked": Scenario(
        description="the payment is VERIFYING, afterMs later REVOKED",
        plan=ChargePlan(paying="held", settles_as="REVOKED"),
    ),
    "declined": Scenario(
        description="the payer pays and the charge is FAILED",
        plan=ChargePlan(paying="declined"),
    ),
    "expired": Scenario(description="the payer has one second only", plan=ChargePlan(window_s=1)),
    "webhook-duplicate": Scenario(
        description="every notification is sent twice",
        plan=ChargePlan(webhooks=Webhooks.DUPLICATE),
    ),
    "webhook-late": Scenario(
        description="every notification sets out afterMs late",
        plan=ChargePlan(webhooks=Webhooks.LATE),
    ),
    "webhook-reordered": Scenario(
        description="the first notification sets out afterMs after the second",
        plan=ChargePlan(webhooks=Webhooks.REORDERED),
    ),
    "webhook-lost": Scenario(
        description="no notification sets out", plan=ChargePlan(webhooks=Webhooks.LOST)
    ),
    "lost-charge-request": Scenario(
        description="the connection closes before the charge was registered",
        faults=(Fault(operation="exec_trans", kind=FaultKind.DROP_BEFORE),),
    ),
    "lost-charge-answer": Scenario(
        description="the connection closes after the charge was registered",
        faults=(Fault(operation="exec_trans", kind=FaultKind.DROP_AFTER),),
    ),
    "late-charge-answer": Scenario(
        description="the charge is registered and answered afterMs later",
        faults=(Fault(operation="exec_trans", kind=FaultKind.DELAY_AFTER, delay_ms=SLOW_MS),),
    ),
    "slow-charge-answer": Scenario(
        description="the answer to the charge arrives in pieces over afterMs",
        faults=(Fault(operation="exec_trans", kind=FaultKind.SLOW_BYTES, delay_ms=SLOW_MS),),
    ),
    "empty-charge-answer": Scenario(
        description="the charge is registered and answered with an empty body",
        faults=(Fault(operation="exec_trans", kind=FaultKind.EMPTY_AFTER),),
    ),
    "error-page-after-charge": Scenario(
        description="the charge is registered and answered with 500 and an HTML page",
        faults=(Fault(operation="exec_trans", kind=FaultKind.STATUS_AFTER, status=500),),
    ),
    "charge-unavailable": Scenario(
        description="three charges are refused with 503 and an HTML page",
        faults=(Fault(operation="exec_trans", kind=FaultKind.STATUS, status=503, times=BURST),),
    ),
    "session-refused": Scenario(
        description="the next charge is refused with PG3007, as with a session that has ended",
        faults=(Fault(operation="exec_trans", kind=FaultKind.REFUSE, code="PG3007"),),
    ),
}

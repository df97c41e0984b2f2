"""Charges: registered by the merchant, paid or not by the payer, asked about by the merchant.

Source: Pagadito's WSPG documentation and PHP library.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from sandbox.providers.identifiers import digits
from sandbox.providers.pagadito import notifications
from sandbox.providers.pagadito.charge_request import ChargeRequest
from sandbox.providers.pagadito.codes import PagaditoRefusal
from sandbox.providers.pagadito.model import (
    REFERENCE_NUMBER,
    TRANSACTION,
    Change,
    Merchant,
    ReferenceNumberHolder,
    Transaction,
    TransactionStatus,
)
from sandbox.providers.pagadito.simulation import PagaditoSimulation

REFERENCE_LENGTH = 10

_PAID = frozenset({TransactionStatus.COMPLETED, TransactionStatus.VERIFYING})


def register_charge(
    simulation: PagaditoSimulation, merchant: Merchant, token: str, charge: ChargeRequest
) -> Transaction:
    """Register a charge under ``token``.

    Raises:
        PagaditoRefusal: PG3008, PG3004, PG3009, PG3006 or PG3018, looked at in this order.
    """
    rate = merchant.rates.get(charge.currency)
    if rate is None:
        raise PagaditoRefusal("PG3008")
    if sum((line.quantity * line.price for line in charge.details), Decimal(0)) != charge.amount:
        raise PagaditoRefusal("PG3004")
    if charge.amount < merchant.minimum * rate:
        raise PagaditoRefusal("PG3009")
    if charge.amount > merchant.maximum * rate:
        raise PagaditoRefusal("PG3006")
    number = f"{merchant.uid}:{charge.ern}"
    if not simulation.store.claim(REFERENCE_NUMBER, number, ReferenceNumberHolder(token)):
        raise PagaditoRefusal("PG3018")
    rules, now = simulation.rules, simulation.clock.now()
    plan = simulation.scenarios.next_plan()
    window_s = rules.extended_window_s if charge.extended else rules.payment_window_s
    transaction = Transaction(
        token=token,
        uid=merchant.uid,
        ern=charge.ern,
        status=TransactionStatus.REGISTERED,
        amount=charge.amount,
        currency=charge.currency,
        details=charge.details,
        custom_params=charge.custom_params,
        allow_pending=charge.allow_pending,
        registered_at=now,
        window_s=plan.window_s if plan and plan.window_s is not None else window_s,
        updated_at=now,
        plan=plan,
    )
    simulation.store.put(TRANSACTION, token, transaction)
    if notifications.status_changed(simulation, transaction):
        # Somebody is to be told of the expiry; otherwise it is enough to work it out when asked.
        expiry = Change(action="expire", token=token)
        simulation.do_later(expiry, at=_expiry_shown_at(simulation, transaction))
    return transaction


def expire_transaction(simulation: PagaditoSimulation, token: str) -> None:
    """Record that a charge has expired, where it has."""
    transaction = find_transaction(simulation, token)
    if transaction is not None and transaction.status is TransactionStatus.EXPIRED:
        simulation.store.put(TRANSACTION, token, transaction)
        notifications.status_changed(simulation, transaction)


def find_transaction(simulation: PagaditoSimulation, token: str) -> Transaction | None:
    """Return the charge as the merchant sees it now, or nothing where none is registered."""
    transaction = simulation.store.get(TRANSACTION, token, Transaction)
    return None if transaction is None else as_of_now(simulation, transaction)


def as_of_now(simulation: PagaditoSimulation, transaction: Transaction) -> Transaction:
    """Return the charge, EXPIRED where its window and the lag of the notice are over."""
    waiting = transaction.status is TransactionStatus.REGISTERED
    if waiting and simulation.clock.now() >= _expiry_shown_at(simulation, transaction):
        ends_at = _window_ends_at(transaction)
        return replace(transaction, status=TransactionStatus.EXPIRED, updated_at=ends_at)
    return transaction


def _window_ends_at(transaction: Transaction) -> datetime:
    return transaction.registered_at + timedelta(seconds=transaction.window_s)


def _expiry_shown_at(simulation: PagaditoSimulation, transaction: Transaction) -> datetime:
    return _window_ends_at(transaction) + timedelta(seconds=simulation.rules.expiry_lag_s)


def merchants_transaction(
    simulation: PagaditoSimulation, merchant: Merchant, token: str
) -> Transaction:
    """Return the charge that a status query names.

    Raises:
        PagaditoRefusal: PG3003 none is registered under the token, PG3017 it is another merchant's.
    """
    transaction = find_transaction(simulation, token)
    if transaction is None:
        raise PagaditoRefusal("PG3003")
    if transaction.uid != merchant.uid:
        raise PagaditoRefusal("PG3017")
    return transaction


def can_be_paid(simulation: PagaditoSimulation, transaction: Transaction) -> bool:
    """Say whether the payer may still act: the window is open and the charge is not final."""
    if simulation.clock.now() >= _window_ends_at(transaction):
        return False
    again = simulation.rules.failed_can_be_paid_again
    return transaction.status is TransactionStatus.REGISTERED or (
        again and transaction.status is TransactionStatus.FAILED
    )


def finish_by_payer(
    simulation: PagaditoSimulation, token: str, status: TransactionStatus
) -> Transaction | None:
    """Record what the payer did; where it is too late the charge stays, where there is none nothing returns."""
    transaction = find_transaction(simulation, token)
    if transaction is None or not can_be_paid(simulation, transaction):
        return transaction
    plan = transaction.plan
    if status is TransactionStatus.COMPLETED and plan is not None and plan.paying is not None:
        held = plan.paying == "held"
        status = TransactionStatus.VERIFYING if held else TransactionStatus.FAILED
    if status is TransactionStatus.VERIFYING and not transaction.allow_pending:
        status = TransactionStatus(simulation.rules.held_without_pending)
    moved = _move(simulation, transaction, status)
    if moved.status is TransactionStatus.VERIFYING and plan is not None and plan.settles_as:
        settled = Change(action="settle", token=token, status=plan.settles_as)
        simulation.do_later(settled, at=moved.updated_at + timedelta(milliseconds=plan.after_ms))
    return moved


def settle_transaction(
    simulation: PagaditoSimulation, token: str, status: TransactionStatus
) -> bool:
    """End the check of a held charge; say whether there was one to end."""
    transaction = find_transaction(simulation, token)
    if transaction is None or transaction.status is not TransactionStatus.VERIFYING:
        return False
    _move(simulation, transaction, status)
    return True


def _move(
    simulation: PagaditoSimulation, transaction: Transaction, status: TransactionStatus
) -> Transaction:
    reference = transaction.reference
    if status in _PAID and not reference:
        reference = digits(REFERENCE_LENGTH)
    moved = replace(
        transaction, status=status, reference=reference, updated_at=simulation.clock.now()
    )
    simulation.store.put(TRANSACTION, moved.token, moved)
    notifications.status_changed(simulation, moved)
    return moved

"""given(history).when(command).then(events): one sentence per rule."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from payment_gateway.domain.aggregates.payment import decide
from payment_gateway.domain.aggregates.payment_commands import PaymentCommand
from payment_gateway.domain.aggregates.payment_state import Payment, fold
from payment_gateway.domain.errors import DomainError
from payment_gateway.domain.events.payment import PaymentEvent


def given(*history: PaymentEvent) -> Given:
    return Given(history)


@dataclass(frozen=True)
class Given:
    history: tuple[PaymentEvent, ...]

    def when(self, command: PaymentCommand) -> When:
        return When(self.history, command)

    @property
    def payment(self) -> Payment:
        payment = fold(self.history)
        assert payment is not None
        return payment


@dataclass(frozen=True)
class When:
    history: tuple[PaymentEvent, ...]
    command: PaymentCommand

    def then(self, *expected: PaymentEvent) -> None:
        events = decide(self.command, fold(self.history))
        assert events == list(expected)
        after = fold((*self.history, *events))  # whatever we decide, we can also replay
        assert decide(self.command, after) == []  # and the same again changes nothing

    def then_nothing(self) -> None:
        self.then()

    def then_refuses(self, error: type[DomainError]) -> None:
        with pytest.raises(DomainError) as refusal:
            decide(self.command, fold(self.history))
        assert type(refusal.value) is error

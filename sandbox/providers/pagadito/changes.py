"""What Pagadito does later by itself: charges expire, and are settled where their plan says so."""

from functools import partial

from sandbox.providers.pagadito.model import CHANGE, Change, TransactionStatus
from sandbox.providers.pagadito.simulation import PagaditoSimulation
from sandbox.providers.pagadito.transactions import expire_transaction, settle_transaction


async def perform_changes(simulation: PagaditoSimulation) -> None:
    """Do what is due, until cancelled."""

    async def perform(key: str) -> None:
        await simulation.store.transact(partial(_perform, simulation, key))

    await simulation.changes.run(perform, paused=lambda: False)


def _perform(simulation: PagaditoSimulation, key: str) -> None:
    change = simulation.store.get(CHANGE, key, Change)
    assert change is not None, "on the agenda together with it, and done once"
    simulation.store.remove(CHANGE, key)
    simulation.changes.remove(key)
    # What the payer, or a test by hand, has done in the meantime stays as it is.
    match change.action:
        case "settle":
            settle_transaction(simulation, change.token, TransactionStatus(change.status))
        case "expire":
            expire_transaction(simulation, change.token)

"""Health checks of processes that serve nothing else."""

import asyncio
import socket

import httpx
import pytest

from payment_gateway.presentation.health import create_health_app, serve_health
from sandbox.ports import free_port

WAIT_S = 10.0


async def get(path: str, *, ready: bool) -> httpx.Response:
    app = create_health_app(lambda: (ready, {"payment_details": {"lag": 7}}))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://health"
    ) as client:
        return await client.get(path)


async def test_a_process_that_runs_is_alive_whatever_it_can_do() -> None:
    response = await get("/livez", ready=False)

    assert response.status_code == 200
    assert response.json() == {"status": "alive"}


@pytest.mark.parametrize(
    ("ready", "status", "word"), [(True, 200, "ready"), (False, 503, "not_ready")]
)
async def test_a_process_says_whether_it_can_do_its_work_and_where_it_is(
    ready: bool, status: int, word: str
) -> None:
    response = await get("/readyz", ready=ready)

    assert response.status_code == status
    assert response.json() == {"status": word, "payment_details": {"lag": 7}}


async def test_it_is_served_until_cancelled_and_then_the_port_is_free_again() -> None:
    port = free_port()
    task = asyncio.create_task(serve_health(lambda: (True, {}), host="127.0.0.1", port=port))
    async with asyncio.timeout(WAIT_S), httpx.AsyncClient() as client:
        response = None
        while response is None:
            try:
                response = await client.get(f"http://127.0.0.1:{port}/readyz")
            except httpx.ConnectError:
                await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task}, timeout=WAIT_S)

    assert response.status_code == 200
    assert task.cancelled()
    socket.create_server(("127.0.0.1", port)).close()


async def test_a_port_that_is_taken_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve_health(lambda: (True, {}), host="127.0.0.1", port=taken.getsockname()[1])

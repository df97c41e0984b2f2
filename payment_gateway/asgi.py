"""What uvicorn runs: ``uvicorn --factory payment_gateway.asgi:application``.

Commands and queries meet here: the write side does not know the read side.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.requests import HTTPConnection
from pymongo.errors import PyMongoError

from payment_gateway.access import open_authentication
from payment_gateway.application.ports import RequestLimits
from payment_gateway.application.services.webhook_service import WebhookNotParked
from payment_gateway.bootstrap import OpenGateway, check_keys, open_gateway, utc_now
from payment_gateway.dashboard.app import add_dashboard
from payment_gateway.dashboard.session import Cookies
from payment_gateway.dashboard.visitor import LEADS_BACK_TO, Doors
from payment_gateway.dead_letter_desk import DeadLetterDesk
from payment_gateway.domain.errors import InvalidValue
from payment_gateway.infrastructure.cache import Cache, answers
from payment_gateway.infrastructure.dependencies import (
    Answers,
    Awaited,
    event_store_answers,
    mongodb_answers,
    wait_for_event_store,
)
from payment_gateway.infrastructure.messaging.dead_letters import NoSuchLetter, NotReplayed
from payment_gateway.infrastructure.messaging.events_behind import EventsBehind
from payment_gateway.infrastructure.messaging.log_reading import LogNotRead
from payment_gateway.infrastructure.persistence.event_codec import UndecodableEvent
from payment_gateway.infrastructure.persistence.eventstoredb import EventStoreRefused
from payment_gateway.infrastructure.persistence.mongodb import Database, open_mongodb
from payment_gateway.infrastructure.resilience.request_limits_in_memory import (
    InMemoryRequestLimits,
)
from payment_gateway.infrastructure.resilience.request_limits_in_redis import RedisRequestLimits
from payment_gateway.infrastructure.security.consistency_token import ConsistencyTokens
from payment_gateway.infrastructure.webhook_deliveries import queue as delivery_queue
from payment_gateway.infrastructure.webhooks import queue as webhook_queue
from payment_gateway.presentation.graphql.app import create_graphql_router
from payment_gateway.presentation.graphql.context import FollowEvents
from payment_gateway.presentation.graphql.subscriptions import ACCESS_CHECKED_EVERY_S
from payment_gateway.presentation.in_process import ApiRefused
from payment_gateway.presentation.rest import dead_letters, projections, refusals
from payment_gateway.presentation.rest.access import (
    AccessRefused,
    bearer_key,
    caller_of,
    requires,
)
from payment_gateway.presentation.rest.all_tenants import check_all_tenants, sees_all_tenants
from payment_gateway.presentation.rest.app import Application, Check, create_app
from payment_gateway.presentation.rest.command_context import CommandSide
from payment_gateway.presentation.rest.request_limits import Limiter, LimitPolicy, Rates
from payment_gateway.presentation.rest.tenant_named import of_one_tenant
from payment_gateway.projection_desk import ProjectionDesk
from payment_gateway.settings import Settings
from projections.cursor import encode_after
from projections.event_follower import Followed, follow_events
from projections.event_streams import EventStreams, TooManyStreams
from projections.generations import NotBuilt, Shown
from projections.lag import is_short, lag_s
from projections.payment_list_queries import After
from projections.positions import Positions, SubscriptionPosition
from projections.projections_api import ProjectionSide, create_projections_router
from projections.query_api import Queries, create_query_router
from projections.registry import StepRefused
from projections.worker import READ_MODELS, UnknownReadModel

REFUSALS: Final = {
    TooManyStreams: refusals.TOO_MANY_STREAMS,
    NotBuilt: refusals.READ_MODELS_UNAVAILABLE,
    PyMongoError: refusals.READ_MODELS_UNAVAILABLE,
    LogNotRead: refusals.READ_MODELS_UNAVAILABLE,
    StepRefused: refusals.READ_MODEL_STATE_CONFLICT,
    UnknownReadModel: refusals.READ_MODEL_NOT_FOUND,
    EventStoreRefused: refusals.EVENT_STORE_REFUSED,
    UndecodableEvent: refusals.EVENT_NOT_READABLE,
    NoSuchLetter: refusals.DEAD_LETTER_NOT_FOUND,
    WebhookNotParked: refusals.DEAD_LETTER_NOT_FOUND,
    NotReplayed: refusals.DEAD_LETTER_NOT_REPLAYED,
}
# Of commands; their keys are free again.
NOTHING_DONE: Final = (StepRefused, UnknownReadModel, NoSuchLetter, WebhookNotParked, NotReplayed)


def application(settings: Settings | None = None) -> FastAPI:
    """Return the API wired for production.

    Raises:
        KeySourceMissing: No keys are named, or the token lacks one.
        KeyFileError: The master key cannot be used.
        KeySourceUnavailable: The token that has the keys gives no answer.
        ApiKeysFileError: The file of API keys cannot be used.
    """
    chosen = settings or Settings()
    check_keys(chosen)
    policy = _limit_policy(chosen)
    browsers_reach = chosen.dashboard_url or str(chosen.public_url).rstrip("/")

    @asynccontextmanager
    async def open_application(app: FastAPI) -> AsyncIterator[Application]:
        await wait_for_event_store(chosen)
        async with (
            open_gateway(chosen) as opened,
            open_mongodb(chosen) as database,
            Awaited(_servers(opened, database)).asked(),
            open_authentication(
                chosen, opened, database, leads_back_to=f"{browsers_reach}{LEADS_BACK_TO}"
            ) as access,
        ):
            tokens = ConsistencyTokens(opened.master)
            personal_data = opened.gateway.personal_data

            async def open_personal(
                tenant_id: str, subject_id: str | None, sealed: str
            ) -> dict[str, Any] | None:
                assert subject_id is not None, "what is sealed belongs to somebody"
                return await personal_data.open(sealed, tenant_id=tenant_id, subject_id=subject_id)

            shown, positions = Shown(database), Positions(database)
            app.state.queries = Queries(
                database=database,
                shown=shown,
                events=opened.event_store,
                open_personal=open_personal,
                decode_token=tokens.decode,
                encode_token=tokens.encode,
                positions=positions,
                streams=EventStreams(database, shown, positions),
                cache=opened.cache,
            )
            app.state.projection_side = ProjectionSide(
                database=database,
                log=opened.event_store,
                counted=EventsBehind(opened.event_store),
            )
            app.state.projection_desk = ProjectionDesk(
                database=database, event_store=opened.event_store
            )
            app.state.dead_letters = DeadLetterDesk(
                opened=opened, database=database, settings=chosen
            )
            checks = {
                name: Check(answers=server, required=name != "redis")
                for name, server in _servers(opened, database).items()
            }

            async def how_far_behind() -> float | None:
                return await lag_s(database, READ_MODELS.values(), opened.gateway.now())

            async def is_up_to_date() -> bool:
                return is_short(await how_far_behind())

            checks["projections"] = Check(answers=is_up_to_date, required=False)
            app.state.dashboard = Doors(
                cookies=Cookies(opened.master),
                authenticate=access.authenticate,
                log_ins=access.log_ins,
                refusal=access.authenticate.refusal,
                now=opened.gateway.now,
                is_secure=browsers_reach.startswith("https://"),
            )
            yield Application(
                command_side=CommandSide(
                    gateway=opened.gateway,
                    encode_token=tokens.encode,
                    decode_token=tokens.decode,
                    known_access=access.follower,
                    known_deliveries=SubscriptionPosition(positions, delivery_queue.SUBSCRIPTION),
                    known_notifications=SubscriptionPosition(positions, webhook_queue.SUBSCRIPTION),
                    refusals=NOTHING_DONE,
                ),
                authenticate=access.authenticate,
                limiter=Limiter(policy=policy, limits=_request_limits(opened.cache)),
                checks=checks,
                lag_s=how_far_behind,
                last_uses=access.uses.last_uses,
            )

    app = create_app(
        open_application,
        query_routers=[
            create_query_router(
                viewer=requires("viewer"),
                subscriber=of_one_tenant("viewer", "auditor"),
                auditor=of_one_tenant("auditor", or_all=True),
                operator=of_one_tenant("operator", "auditor"),
                queries=_queries_of,
                still_allowed=_still_allowed,
                provider_viewer=of_one_tenant("viewer", "operator", "admin"),
                now=utc_now,
            ),
            dead_letters.router,
            create_projections_router(
                operator=requires("operator"),
                side=_projection_side_of,
                of_all_tenants=check_all_tenants,
                sees_all_tenants=sees_all_tenants,
            ),
            projections.router,
        ],
        query_refusals=REFUSALS,
        cors_origins=chosen.cors_origins,
    )
    app.include_router(create_graphql_router(_cursor_of, _follow_events))
    add_dashboard(app)
    return app


def end_streams(app: FastAPI) -> None:
    """Have those who follow events leave: the process is about to stop."""
    app.state.stopping.end()
    queries = getattr(app.state, "queries", None)
    if isinstance(queries, Queries):
        queries.streams.end()


def _servers(opened: OpenGateway, database: Database) -> dict[str, Answers]:
    """Return which servers there are, and how each is asked whether it answers."""
    servers: dict[str, Answers] = {
        "eventstore": lambda: event_store_answers(opened.event_store),
        "mongodb": lambda: mongodb_answers(database),
    }
    redis = opened.redis
    if redis is not None:
        servers["redis"] = lambda: answers(redis)
    return servers


async def _still_allowed(request: Request) -> bool:
    """Return whether the key of a request still speaks for the same tenant, in the same roles.

    While nobody can say, it does.
    """
    application: Application = request.app.state.application
    client = request.client
    try:
        caller = await application.authenticate(bearer_key(request), client and client.host)
    except AccessRefused as refusal:
        return refusal.status == 503
    return caller == caller_of(request)


def _cursor_of(tenant_id: str, created_at: datetime, payment_id: str) -> str:
    return encode_after(tenant_id, After(created_at, payment_id))


def _follow_events(connection: HTTPConnection) -> FollowEvents:
    """Return where the events of a connection's subscriptions come from: the same as REST's streams."""
    queries: Queries = connection.app.state.queries

    async def follow(
        tenant_id: str, after: str | None, types: Sequence[str]
    ) -> AsyncGenerator[Sequence[Followed], None]:
        events = follow_events(
            queries.streams, tenant_id, after, types, within_s=ACCESS_CHECKED_EVERY_S
        )
        try:
            async with aclosing(events) as batches:
                async for batch in batches:
                    yield batch
        except InvalidValue as error:
            told = {"code": error.code, "retryable": False, "param": error.param}
            raise ApiRefused(422, {**told, "detail": str(error)}) from error
        except (TooManyStreams, NotBuilt, PyMongoError) as error:
            refusal = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
            problem = {"code": refusal.code, "retryable": refusal.retryable}
            raise ApiRefused(refusal.status, {**problem, "detail": refusal.detail}) from error

    return follow


def _limit_policy(settings: Settings) -> LimitPolicy:
    return LimitPolicy(
        key=Rates(
            reads_per_s=settings.limit_key_reads_per_s,
            writes_per_s=settings.limit_key_writes_per_s,
            at_once=settings.limit_key_at_once,
        ),
        tenant=Rates(
            reads_per_s=settings.limit_tenant_reads_per_s,
            writes_per_s=settings.limit_tenant_writes_per_s,
            at_once=settings.limit_tenant_at_once,
        ),
        burst_s=settings.limit_burst_s,
    )


def _request_limits(cache: Cache | None) -> RequestLimits:
    local = InMemoryRequestLimits()
    return local if cache is None else RedisRequestLimits(cache, local=local)


def _queries_of(request: Request) -> Queries:
    queries = request.app.state.queries
    assert isinstance(queries, Queries), "the lifespan did not run"
    return queries


def _projection_side_of(request: Request) -> ProjectionSide:
    side = request.app.state.projection_side
    assert isinstance(side, ProjectionSide), "the lifespan did not run"
    return side

"""``python -m sandbox.providers paypal|pagadito``: one simulated provider in a process of its own."""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.types import ASGIApp

from sandbox.providers.pagadito.app import create_pagadito_app
from sandbox.providers.pagadito.rules import PagaditoRules
from sandbox.providers.paypal.app import create_paypal_app
from sandbox.providers.paypal.rules import PayPalRules
from sandbox.providers.server import AddressUnavailable, listen, origin, serve
from sandbox.providers.store import Store, StoreUnavailable, open_store

PORT_MAX = 65_535

Rules = TypeVar("Rules", PayPalRules, PagaditoRules)


class RuleRefused(Exception):
    """``--rule`` names a rule that the provider does not have, or gives it an impossible value."""


def main(arguments: list[str] | None = None) -> int:
    """Run one simulator until it is asked to end; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(
                open_store(options.data_dir / f"{options.provider}.sqlite3")
            )
            listener = stack.enter_context(listen(options.host, options.port))
            url = origin(listener)
            app = _app(options, store, options.public_url or url)
        except RuleRefused as refused:
            parser.error(str(refused))
        except (StoreUnavailable, AddressUnavailable) as error:
            print(f"{options.provider} simulator: {error}", file=sys.stderr)
            return 1
        ready = json.dumps({options.provider: url})
        serve(app, listener, on_ready=lambda: print(ready, flush=True))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.providers", description="Serve a simulated payment provider."
    )
    parser.add_argument("provider", choices=["paypal", "pagadito"])
    parser.add_argument("--data-dir", type=Path, required=True, help="where it keeps its state")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=0, help="0 takes a free one")
    parser.add_argument(
        "--public-url", type=_public_url, help="its origin as payers and merchants see it"
    )
    parser.add_argument(
        "--return-url-template",
        help="pagadito: where payers go back to, with {value} and {ern_value}, for merchants that set none",
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a rule that the provider's documents leave open",
    )
    return parser


def _app(options: argparse.Namespace, store: Store, public_url: str) -> ASGIApp:
    if options.provider == "paypal":
        if options.return_url_template is not None:
            raise RuleRefused("--return-url-template is for pagadito only")
        return create_paypal_app(
            store, public_url=public_url, rules=_rules(options.rule, PayPalRules)
        )
    return create_pagadito_app(
        store,
        public_url=public_url,
        rules=_rules(options.rule, PagaditoRules),
        return_url_template=options.return_url_template,
    )


def _rules(settings: list[str], kind: type[Rules]) -> Rules:
    values = dict(setting.partition("=")[::2] for setting in settings)
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise RuleRefused(f"--rule: {error}") from error


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"a port is between 0 and {PORT_MAX}")
    return port


def _public_url(text: str) -> str:
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
        raise argparse.ArgumentTypeError("an origin such as https://paypal.example is expected")
    return parts.geturl()


if __name__ == "__main__":
    sys.exit(main())

# The gateway alone: neither simulators nor servers. docs/how-to/containers.md shows how it is run.
FROM python:3.11-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

WORKDIR /build
RUN python -m venv /opt/gateway
COPY requirements.lock ./
# The lock file has setuptools too, with which the package itself is built below.
RUN /opt/gateway/bin/python -m pip install --require-hashes -r requirements.lock

COPY pyproject.toml README.md ./
COPY payment_gateway payment_gateway
COPY projections projections
# For the sentence that `up` and `demo` end with here; what they need is not installed.
COPY sandbox sandbox
RUN /opt/gateway/bin/python -m pip install --no-deps --no-build-isolation .


# The simulators of the providers, for development: --target sandbox
FROM build AS sandbox

COPY requirements-sandbox.lock ./
RUN /opt/gateway/bin/python -m pip install --require-hashes -r requirements-sandbox.lock
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "sandbox.providers"]


FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid gateway --no-create-home --home-dir /nonexistent \
       --shell /usr/sbin/nologin gateway
COPY --from=build /opt/gateway /opt/gateway

ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_LOG_FORMAT=json

WORKDIR /opt/gateway
# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM

# Of the API; a container that runs another command brings a check of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=3)"]

ENTRYPOINT ["payment-gateway"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]

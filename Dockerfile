# The image of apim-bridge, for gateways; and, as the target `analytics`, with the analytics process and its dashboard.
# tests/fakes/bare_root.py follows this same file in a bare Debian root, where there is no Docker engine: it knows the
# instructions used here and refuses others.
#
#   docker build -t apim-bridge .
#   docker build --target analytics -t apim-bridge:analytics .
#   docker run --read-only -v ./bridge.toml:/etc/apim-bridge/bridge.toml:ro -v state:/var/lib/apim-bridge apim-bridge

# The digest is that of the index for every architecture. All stages must have the same base: the virtual
# environment points to its Python.
FROM python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python3 -m venv --without-pip /opt/apim-bridge
COPY requirements.lock ./
# Only wheels, so that no compiler is needed, on x86-64 and Arm alike.
RUN python3 -m pip --python /opt/apim-bridge/bin/python3 install --require-hashes --only-binary :all: -r requirements.lock
COPY bridge /opt/apim-bridge/lib/python3.11/site-packages/bridge
COPY deploy/image/apim-bridge deploy/image/healthcheck.py /opt/apim-bridge/bin/
# The dashboard's sources are no part of the package.
RUN rm -r /opt/apim-bridge/lib/python3.11/site-packages/bridge/analytics/ui \
    && /opt/apim-bridge/bin/python3 -m compileall -q /opt/apim-bridge/lib/python3.11/site-packages/bridge \
    && chmod 0755 /opt/apim-bridge/bin/apim-bridge

# The dashboard is the same for every architecture: it is built once, on that of the machine.
FROM --platform=$BUILDPLATFORM python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba AS page
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python3 -m venv --without-pip /opt/node
COPY requirements-page.lock ./
RUN python3 -m pip --python /opt/node/bin/python3 install --require-hashes --only-binary :all: -r requirements-page.lock
COPY bridge/analytics/ui bridge/analytics/ui
RUN PYTHON=/opt/node/bin/python3 sh bridge/analytics/ui/build

FROM build AS build-analytics
COPY requirements-analytics.lock ./
RUN python3 -m pip --python /opt/apim-bridge/bin/python3 install --require-hashes --only-binary :all: -r requirements-analytics.lock
COPY --from=page /build/bridge/analytics/static /opt/apim-bridge/lib/python3.11/site-packages/bridge/analytics/static

FROM python:3.11.15-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba AS runtime
LABEL org.opencontainers.image.title="apim-bridge" \
      org.opencontainers.image.description="Takes the analytics events of a WSO2 API Manager gateway and delivers every one of them." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11.15-slim-bookworm"
ENV PATH=/opt/apim-bridge/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 APIM_BRIDGE_CONFIG=/etc/apim-bridge/bridge.toml
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/apim-bridge
VOLUME /var/lib/apim-bridge
EXPOSE 9880 9881
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
# Over the control socket: works whatever the ports, tokens and certificates of the listeners are.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/apim-bridge/bin/python3", "-IS", "/opt/apim-bridge/bin/healthcheck.py", "/var/lib/apim-bridge"]
# No shell in between: SIGTERM reaches Python.
ENTRYPOINT ["/opt/apim-bridge/bin/apim-bridge"]
CMD ["run"]

FROM runtime AS analytics
COPY --from=build-analytics /opt/apim-bridge /opt/apim-bridge
EXPOSE 9882

# The last one is what is built if no target is named.
FROM runtime AS sidecar
COPY --from=build /opt/apim-bridge /opt/apim-bridge

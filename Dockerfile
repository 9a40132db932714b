# Grove in a container: one gateway on port 8080, who it is kept in the volume /var/lib/grove.
#
#   docker build -t grove-gateway .
#   docker run -p 127.0.0.1:8080:8080 -v grove:/var/lib/grove -v ./my.yaml:/etc/grove/my.yaml:ro grove-gateway -c /etc/grove/my.yaml

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/grove
# The libraries come first: they change less often than the code, and this layer is kept.
COPY requirements.lock /src/
RUN /opt/grove/bin/pip install -r /src/requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE /src/
COPY entities /src/entities
COPY discovery /src/discovery
COPY peers /src/peers
COPY gateway /src/gateway
COPY grove /src/grove
RUN /opt/grove/bin/pip install --no-deps /src && /opt/grove/bin/pip uninstall --yes pip

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/grove --create-home --shell /usr/sbin/nologin grove
COPY --from=build /opt/grove /opt/grove
COPY deploy/image.yaml /usr/share/grove/image.yaml
ENV PATH=/opt/grove/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER grove
WORKDIR /var/lib/grove
VOLUME /var/lib/grove
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["grove", "health"]
ENTRYPOINT ["grove", "run", "-c", "/usr/share/grove/image.yaml"]

# Counterfoil in a container: docker build -t counterfoil .
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir "uv>=0.9,<1"
ENV UV_PROJECT_ENVIRONMENT=/opt/counterfoil \
    UV_PYTHON=/usr/local/bin/python \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
WORKDIR /build
# The dependencies first: this layer stays while only our own code changes.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE ./
COPY src src
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin counterfoil \
    && install --directory --owner=counterfoil --group=counterfoil --mode=700 /data
COPY --from=build /opt/counterfoil /opt/counterfoil
ENV PATH=/opt/counterfoil/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    COUNTERFOIL_DATA_DIR=/data \
    COUNTERFOIL_HOST=0.0.0.0 \
    COUNTERFOIL_LOG_FORMAT=json
USER counterfoil
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s --start-interval=2s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('COUNTERFOIL_PORT', '4000') + '/readyz', timeout=5)"]
ENTRYPOINT ["counterfoil"]
CMD ["serve"]

# The agent's image. Build from the root of the checkout:  docker build -t aetherlink-agent .
# Kept to what Docker's legacy builder knows, and to exec forms, so that BASE_IMAGE may be any image with Python 3.11
# to 3.13 and pip, also one without a shell.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN ["python3", "-m", "venv", "--without-pip", "/opt/aether"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/builder"]
# Locked dependencies first: they change less often than the code, and each layer is kept as long as it can be.
COPY requirements/agent.txt requirements/build.txt requirements/
RUN ["python3", "-m", "pip", "--python", "/opt/aether/bin/python", "install", "--require-hashes", "--no-deps", "-r", "requirements/agent.txt"]
RUN ["python3", "-m", "pip", "--python", "/opt/builder/bin/python", "install", "--require-hashes", "--no-deps", "-r", "requirements/build.txt"]
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN ["/opt/builder/bin/python", "-m", "hatchling", "build", "-t", "wheel", "-d", "/build/dist"]
RUN ["python3", "-m", "pip", "--python", "/opt/aether/bin/python", "install", "--no-deps", "--no-index", "--find-links", "/build/dist", "aetherlink"]
RUN ["python3", "-c", "import os; [(os.makedirs(folder), os.chown(folder, 10001, 10001)) for folder in ('/data', '/run/aether')]"]

FROM ${BASE_IMAGE}
ENV PATH=/opt/aether/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    AETHER_LISTEN=0.0.0.0:8080 AETHER_DATA_DIR=/data
COPY --from=build /opt/aether /opt/aether
COPY --from=build --chown=10001:10001 /data /data
# Where the socket proxy listens: a volume that is mounted there takes over whose it is.
COPY --from=build --chown=10001:10001 /run/aether /run/aether
# A number, not a name: no account is needed, and Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/livez', timeout=4).close()"]
CMD ["aether", "serve"]

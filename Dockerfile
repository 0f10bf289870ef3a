# One image for both roles: Main, or with the command app.py a node.
#
#   docker build --tag switchyard .
#   docker run --publish 4457:4457 --volume switchyard-main:/home/switchyard/.switchyard switchyard
#   docker run --volume switchyard-node:/home/switchyard/.switchyard --volume "$PWD:/work" \
#       --env SWITCHYARD_NODE_MAIN_SERVER_URL=http://main:4457 --env SWITCHYARD_NODE_REGISTER_TOKEN=… switchyard app.py

FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /switchyard/
RUN python -m venv /switchyard/.venv \
 && /switchyard/.venv/bin/python -m pip install --disable-pip-version-check --no-cache-dir -qq --require-hashes -r /switchyard/requirements.txt

FROM python:3.11-slim-bookworm
# git shows and changes repositories; tini reaps what agents and terminals leave behind.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends git tini \
 && rm -rf /var/lib/apt/lists/*
# The programs belong to root and run as an account of their own, which can write its data and /work and nothing else.
RUN useradd --uid 4457 --user-group --create-home --shell /bin/bash switchyard \
 && install -d -o switchyard -g switchyard -m 0700 /home/switchyard/.switchyard \
 && install -d -o switchyard -g switchyard /work
COPY --from=packages /switchyard/.venv /switchyard/.venv
COPY . /switchyard/
WORKDIR /switchyard
USER switchyard
# The container of Main is no machine that somebody works on.
ENV PYTHONDONTWRITEBYTECODE=1 \
    SWITCHYARD_MAIN_LOCAL_NODE=false \
    SWITCHYARD_FILESYSTEM_ROOTS='["/work"]'
VOLUME ["/home/switchyard/.switchyard"]
EXPOSE 4457 4456
ENTRYPOINT ["tini", "--", "/switchyard/.venv/bin/python"]
CMD ["main_server.py"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["/switchyard/.venv/bin/python", "-m", "configs.health"]

# Two images from one file:
#   docker build -t vggzoo .                     any processor (native engine)
#   docker build -t vggzoo:cuda --target cuda .  NVIDIA: CUDA 11.8, cuDNN 8, Node 22 and tfjs-node-gpu
# Run with a volume for what it learns:
#   docker run --rm -v vggzoo:/data vggzoo node dist/cli/main.js token create NAME --role admin
#   docker run -p 4000:4000 -v vggzoo:/data -e AUTH=tokens vggzoo

# ------------------------------------------------------------------ build: compile, then keep what production needs
FROM node:22-bookworm-slim AS build
WORKDIR /app
# The native engine is compiled once, here; the other stages copy it.
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
COPY native native
RUN npm ci && test -f native/build/Release/vggzoo.node
COPY tsconfig.json tsconfig.build.json prisma.config.ts schema.graphql ./
COPY prisma prisma
COPY scripts scripts
COPY src src
COPY web web
RUN npm run build

# ------------------------------------------------------------------ production dependencies of the CPU image
FROM node:22-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY scripts/prune-modules.sh scripts/
# The GPU engines are optional, and Dawn alone has 300 MB for five platforms.
RUN npm ci --omit=dev --ignore-scripts && scripts/prune-modules.sh && rm -rf node_modules/webgpu node_modules/@tensorflow/tfjs-node-gpu

FROM node:22-bookworm-slim AS cpu
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/native/build/Release/vggzoo.node native/build/Release/
COPY package.json ./
COPY prisma/migrations prisma/migrations
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "const tls = process.env.TLS_CERT ? 's' : ''; require('http' + tls).get({ port: process.env.PORT || 4000, path: '/health/ready', rejectUnauthorized: false }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
CMD ["node", "dist/main.js"]

# ------------------------------------------------------------------ CUDA: tfjs-node-gpu 4.22 wants CUDA 11 and cuDNN 8
FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04 AS cuda-modules
COPY --from=node:22-bookworm-slim /usr/local /usr/local
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
COPY scripts/prune-modules.sh scripts/
# Fails here, and not at the first run, when libtensorflow could not be fetched.
RUN npm pkg delete scripts.install && npm ci --omit=dev && test -d node_modules/@tensorflow/tfjs-node-gpu/lib/napi-v8 && scripts/prune-modules.sh

FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04 AS cuda
COPY --from=node:22-bookworm-slim /usr/local/bin/node /usr/local/bin/node
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data ENGINE=auto TF_FORCE_GPU_ALLOW_GROWTH=true
WORKDIR /app
RUN useradd --uid 1000 --create-home node && mkdir /data && chown node:node /data
COPY --from=cuda-modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/native/build/Release/vggzoo.node native/build/Release/
COPY package.json ./
COPY prisma/migrations prisma/migrations
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "const tls = process.env.TLS_CERT ? 's' : ''; require('http' + tls).get({ port: process.env.PORT || 4000, path: '/health/ready', rejectUnauthorized: false }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
CMD ["node", "dist/main.js"]

# The last stage is what `docker build` makes when no target is named.
FROM cpu

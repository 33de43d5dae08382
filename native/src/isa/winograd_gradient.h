// The gradient of a 3x3 filter: the transpose of winograd.h's algorithm. dU[xi] [ci, co] = V[xi]^T Z[xi] with
// V = B^T x B as there and Z = A dy A^T; then dw = G^T dU G.

// Writes A dy A^T of `count` tiles from tile `first` on: z[xi * plane + t * stride + o].
static void transformGradients(const Convolution& g, const Tiles& tiles, const float* dy, const float* zeros,
                               long first, long count, float* z, long stride, long plane) {
  const long perImage = tiles.rows * tiles.columns;
  for (long t = 0; t < count; ++t) {
    const long image = (first + t) / perImage, place = (first + t) % perImage;
    const long y0 = place / tiles.columns * TILE, x0 = place % tiles.columns * TILE;
    const float* pixel[TILE][TILE];
    for (long i = 0; i < TILE; ++i) {
      for (long j = 0; j < TILE; ++j) {
        const bool inside = y0 + i < g.oh && x0 + j < g.ow;
        pixel[i][j] = inside ? dy + ((image * g.oh + y0 + i) * g.ow + x0 + j) * g.co : zeros;
      }
    }
    float* out = z + t * stride;
    for (long c = 0; c < g.co; c += LANES) {
      Vec half[PATCH][TILE];
#pragma GCC unroll 4
      for (int j = 0; j < TILE; ++j) {
        Vec four[TILE], six[PATCH];
#pragma GCC unroll 4
        for (int i = 0; i < TILE; ++i) four[i] = load(pixel[i][j] + c);
        gradientTransform(four, six);
#pragma GCC unroll 6
        for (int i = 0; i < PATCH; ++i) half[i][j] = six[i];
      }
#pragma GCC unroll 6
      for (int i = 0; i < PATCH; ++i) {
        Vec six[PATCH];
        gradientTransform(half[i], six);
#pragma GCC unroll 6
        for (int j = 0; j < PATCH; ++j) store(out + (i * PATCH + j) * plane + c, six[j]);
      }
    }
  }
}

// c[m][j] (+)= sum over k of a[k * lda + m] * b[k * ldb + j]; columns is a multiple of LANES.
static inline void multiplyColumns(const float* a, long lda, long rows, const float* b, long ldb, long columns,
                                   long depth, float* c, long ldc, bool add) {
  for (long j = 0; j < columns; j += NR) {
    if (columns - j >= NR) {
      for (long m = 0; m < rows; m += MR) {
        microColumnsOf(least(MR, rows - m), a + m, lda, b + j, ldb, depth, c + m * ldc + j, ldc, add);
      }
    } else {
      // The panel is not whole: its columns one vector at a time.
      for (long m = 0; m < rows; ++m) {
        for (long v = j; v < columns; v += LANES) {
          Vec sum = add ? load(c + m * ldc + v) : Vec{};
          for (long k = 0; k < depth; ++k) sum += splat(a[k * lda + m]) * load(b + k * ldb + v);
          store(c + m * ldc + v, sum);
        }
      }
    }
  }
}

// dw [3, 3, ci, co] from `slots` partial sums of dU, each [36, ci, co].
static void transformWeights(Team& team, const Convolution& g, const float* du, long slots, float* dw) {
  const long plane = g.ci * g.co, slot = PLANES * plane;
  parallel(team, g.ci, [=](long c, long) {
    for (long o = 0; o < g.co; o += LANES) {
      const float* in = du + c * g.co + o;
      Vec half[3][PATCH];
      for (int j = 0; j < PATCH; ++j) {
        Vec column[PATCH], three[3];
        for (int i = 0; i < PATCH; ++i) {
          column[i] = load(in + (i * PATCH + j) * plane);
          for (long s = 1; s < slots; ++s) column[i] += load(in + s * slot + (i * PATCH + j) * plane);
        }
        weightTransform(column, three);
        for (int i = 0; i < 3; ++i) half[i][j] = three[i];
      }
      for (int i = 0; i < 3; ++i) {
        Vec three[3];
        weightTransform(half[i], three);
        for (int j = 0; j < 3; ++j) store(dw + ((i * 3 + j) * g.ci + c) * g.co + o, three[j]);
      }
    }
  });
}

// A fixed number of partial sums, whatever the number of threads: the same sums in the same order give the same bits.
enum : long { SLOTS = 8 };

static void winogradFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  const Tiles tiles(g);
  const long plane = g.ci * g.co, width = most(g.ci, g.co);
  const long vStride = spread(g.ci), zStride = spread(g.co);
  if (PLANES * plane * 4 <= 640 << 10) {
    // Small filters: every slot keeps its dU in the second-level cache and goes through its own tiles.
    const long perSlot = ceilDiv(tiles.total, SLOTS), slots = ceilDiv(tiles.total, perSlot);
    const long fitting = most(160 << 10, (896 << 10) - PLANES * plane * 4) / (PLANES * 4 * (vStride + zStride));
    const long step = least(most(MR, fitting / MR * MR), perSlot);
    const long vPlane = spread(step * vStride), zPlane = spread(step * zStride);
    team.reserve(PLANES * (vPlane + zPlane), width + 16 + slots * PLANES * plane);
    float* zeros = team.shared();
    float* sums = zeros + ceilDiv(width, 16) * 16;
    for (long c = 0; c < width; ++c) zeros[c] = 0;
    parallel(team, slots, [&](long slot, long worker) {
      float* v = team.scratch(worker);
      float* z = v + PLANES * vPlane;
      float* du = sums + slot * PLANES * plane;
      const long end = least(tiles.total, (slot + 1) * perSlot);
      for (long first = slot * perSlot; first < end; first += step) {
        const long count = least(step, end - first);
        transformPatches(g, tiles, x, zeros, first, count, v, vStride, vPlane);
        transformGradients(g, tiles, dy, zeros, first, count, z, zStride, zPlane);
        for (long xi = 0; xi < PLANES; ++xi) {
          multiplyColumns(v + xi * vPlane, vStride, g.ci, z + xi * zPlane, zStride, g.co, count, du + xi * plane, g.co,
                          first > slot * perSlot);
        }
      }
    });
    transformWeights(team, g, sums, slots, dw);
    return;
  }
  // Large filters: all threads transform a few hundred tiles, then share the 36 products.
  const long fitting = (18 << 20) / (PLANES * 4 * (vStride + zStride));
  const long step = least(most(64, fitting / 16 * 16), ceilDiv(tiles.total, 16) * 16);
  const long vPlane = spread(step * vStride), zPlane = spread(step * zStride);
  team.reserve(0, ceilDiv(width, 16) * 16 + PLANES * (vPlane + zPlane + plane));
  float* zeros = team.shared();
  float* v = zeros + ceilDiv(width, 16) * 16;
  float* z = v + PLANES * vPlane;
  float* du = z + PLANES * zPlane;
  for (long c = 0; c < width; ++c) zeros[c] = 0;
  for (long first = 0; first < tiles.total; first += step) {
    const long count = least(step, tiles.total - first), chunk = 8;
    parallel(team, ceilDiv(count, chunk), [&](long item, long) {
      const long from = item * chunk, some = least(chunk, count - from);
      transformPatches(g, tiles, x, zeros, first + from, some, v + from * vStride, vStride, vPlane);
      transformGradients(g, tiles, dy, zeros, first + from, some, z + from * zStride, zStride, zPlane);
    });
    const long rows = most(64, ceilDiv(g.ci, 2 * MR) * MR), parts = ceilDiv(g.ci, rows);
    parallel(team, PLANES * parts, [&](long item, long) {
      const long xi = item / parts, from = item % parts * rows;
      multiplyColumns(v + xi * vPlane + from, vStride, least(rows, g.ci - from), z + xi * zPlane, zStride, g.co, count,
                      du + xi * plane + from * g.co, g.co, first > 0);
    });
  }
  transformWeights(team, g, du, 1, dw);
}

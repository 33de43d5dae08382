// The gradient of a 3x3 filter: the transpose of winograd.h's algorithm. dU[xi] [ci, co] = V[xi]^T Z[xi] with
// V = B^T x B as there and Z = A dy A^T; then dw = G^T dU G.

// A dy A^T of one tile and LANES channels: plane xi goes to out + xi * plane.
static inline void transformGradient(const float* const (&pixel)[TILE][TILE], long c, long plane, float* out) {
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
    for (int j = 0; j < PATCH; ++j) store(out + (i * PATCH + j) * plane, six[j]);
  }
}

// dw [3, 3, ci, co] from `slots` partial sums of dU, each [36, ci, width].
static void transformWeights(Team& team, const Convolution& g, const float* du, long width, long slots, float* dw) {
  const long plane = g.ci * width, slot = PLANES * plane;
  parallel(team, g.ci, [=](long c, long) {
    for (long o = 0; o < g.co; o += LANES) {
      const float* in = du + c * width + o;
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

// V and Z of up to `tiles` tiles, in panels of VP and NR channels: what a product reads lies as it is read.
struct GradientBlock {
  long tiles, width, vPanel, vPlane, zPanel, zPlane;
  GradientBlock(const Convolution& g, long tiles)
      : tiles(tiles),
        width(ceilDiv(g.co, NR) * NR),
        vPanel(tiles * VP),
        vPlane(spread(ceilDiv(g.ci, VP) * vPanel)),
        zPanel(tiles * NR),
        zPlane(spread(width * tiles)) {}
  long floats() const { return PLANES * (vPlane + zPlane); }
  static long floatsPerTile(const Convolution& g) {
    return PLANES * (ceilDiv(g.ci, VP) * VP + ceilDiv(g.co, NR) * NR);
  }

  // Transforms `count` tiles from `first` on, which become those from `at` on of the block. Channel by channel, so that
  // each of the planes is written as it lies: the tiles of a panel are neighbours.
  void transform(const Convolution& g, const Tiles& all, const float* x, const float* dy, const float* zeros, long first,
                 long at, long count, float* v, float* z) const {
    enum : long { GROUP = 16 };
    TileWalk walk(all, first);
    for (long t0 = 0; t0 < count; t0 += GROUP) {
      const long some = least(GROUP, count - t0);
      const float* patch[GROUP][PATCH][PATCH];
      const float* tile[GROUP][TILE][TILE];
      for (long t = 0; t < some; ++t, walk.next(all)) {
        findPixels(x + walk.image * g.h * g.w * g.ci, g.h, g.w, g.ci, walk.y0 - g.padTop, walk.x0 - g.padLeft, zeros,
                   patch[t]);
        findPixels(dy + walk.image * g.oh * g.ow * g.co, g.oh, g.ow, g.co, walk.y0, walk.x0, zeros, tile[t]);
      }
      for (long c = 0; c < g.ci; c += LANES) {
        float* out = v + c / VP * vPanel + (at + t0) * VP + c % VP;
        for (long t = 0; t < some; ++t) transformPatch(patch[t], c, vPlane, out + t * VP);
      }
      for (long c = 0; c < g.co; c += LANES) {
        float* out = z + c / NR * zPanel + (at + t0) * NR + c % NR;
        for (long t = 0; t < some; ++t) transformGradient(tile[t], c, zPlane, out + t * NR);
      }
    }
  }

  // du [ci, width] (+)= V^T Z of one plane and `count` tiles. `later` planes on is the one that this thread multiplies
  // next. A block of du is read and written once, however many tiles there are.
  void multiply(const Convolution& g, const float* v, const float* z, long count, float* du, bool add, long later) const {
    for (long j = 0; j < width; j += NR) {
      const float* right = z + j / NR * zPanel;
      for (long m = 0; m < g.ci; m += MR) {
        const float* left = v + m / VP * vPanel + m % VP;
        // Meanwhile comes what is next: the right factor's next panel with the first rows, a cache line of each of its
        // rows with one block of them; the next plane's left factor with the first columns.
        const long line = m / MR * 16;
        const float* ahead = line < NR ? right + zPanel + line : left + later * vPlane;
        const long step = line < NR ? NR : j == 0 && m % VP == 0 ? VP : 0;
        microOf<Columns, MR>(least(MR, g.ci - m), left, right, NR, count, du + m * width + j, width, add, Near{ahead, step}, VP);
      }
    }
  }
};

// Small filters: every slot keeps its dU, V and Z in the second-level cache and goes through its own tiles.
static void winogradSmallFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  const Tiles all(g);
  const long width = ceilDiv(g.co, NR) * NR, plane = g.ci * width, channels = ceilDiv(most(g.ci, g.co), 16) * 16;
  const long perSlot = ceilDiv(all.total, SLOTS), slots = ceilDiv(all.total, perSlot);
  const long fitting = (team.cacheBytes() * 3 / 4 - PLANES * plane * 4) / (4 * GradientBlock::floatsPerTile(g));
  const GradientBlock block(g, least(perSlot, most(16, fitting / 8 * 8)));
  team.reserve(block.floats(), channels + slots * PLANES * plane);
  float* zeros = team.shared();
  float* sums = zeros + channels;
  clearFloats(zeros, channels);
  parallel(team, slots, [&](long slot, long worker) {
    float* v = team.scratch(worker);
    float* z = v + PLANES * block.vPlane;
    float* du = sums + slot * PLANES * plane;
    const long begin = slot * perSlot, end = least(all.total, begin + perSlot);
    for (long first = begin; first < end; first += block.tiles) {
      const long count = least(block.tiles, end - first);
      block.transform(g, all, x, dy, zeros, first, 0, count, v, z);
      for (long xi = 0; xi < PLANES; ++xi) {
        block.multiply(g, v + xi * block.vPlane, z + xi * block.zPlane, count, du + xi * plane, first > begin, 0);
      }
    }
  });
  transformWeights(team, g, sums, width, slots, dw);
}

// Large filters: all threads transform some hundred tiles, then share the 36 products.
static void winogradLargeFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  enum : long { LEAST_BYTES = 6 << 20, MOST_BYTES = 40 << 20, CHUNK = 16 };
  const Tiles all(g);
  const long width = ceilDiv(g.co, NR) * NR, plane = g.ci * width, channels = ceilDiv(most(g.ci, g.co), 16) * 16;
  // Memory for V and Z: each time it is full, dU is read and written once. As much as that, then, for a small dU leaves
  // them room in the third-level cache.
  const long bytes = most(LEAST_BYTES, least(MOST_BYTES, 2 * PLANES * plane * 4));
  const long fitting = bytes / (4 * GradientBlock::floatsPerTile(g)) / CHUNK * CHUNK;
  // Passes of like lengths.
  const long passes = ceilDiv(all.total, most(CHUNK, fitting));
  const GradientBlock block(g, ceilDiv(ceilDiv(all.total, passes), CHUNK) * CHUNK);
  team.reserve(0, channels + block.floats() + PLANES * plane);
  float* zeros = team.shared();
  float* v = zeros + channels;
  float* z = v + PLANES * block.vPlane;
  float* du = z + PLANES * block.zPlane;
  clearFloats(zeros, channels);
  for (long first = 0; first < all.total; first += block.tiles) {
    const long count = least(block.tiles, all.total - first);
    parallel(team, ceilDiv(count, CHUNK), [&](long item, long) {
      block.transform(g, all, x, dy, zeros, first + item * CHUNK, item * CHUNK, least(CHUNK, count - item * CHUNK), v, z);
    });
    parallel(team, PLANES, [&](long xi, long) {
      block.multiply(g, v + xi * block.vPlane, z + xi * block.zPlane, count, du + xi * plane, first > 0,
                     least(team.size(), PLANES - 1 - xi));
    });
  }
  transformWeights(team, g, du, width, 1, dw);
}

static void winogradFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  const long bytes = PLANES * g.ci * ceilDiv(g.co, NR) * NR * 4;
  return (bytes <= team.cacheBytes() * 2 / 5 ? winogradSmallFilterGradient : winogradLargeFilterGradient)(team, g, x, dy,
                                                                                                          dw);
}


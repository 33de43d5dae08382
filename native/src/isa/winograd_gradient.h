// The gradient of a 3x3 filter: the transpose of winograd.h's algorithm. dU[xi] [ci, co] = V[xi]^T Z[xi] with
// V = B^T x B as there and Z = A dy A^T; then dw = G^T dU G.

// Writes A dy A^T of `count` tiles from tile `first` on: plane xi of channel c of tile t goes to place(t, c) + xi * plane.
template <class Place>
static void transformGradients(const Convolution& g, const Tiles& tiles, const float* dy, const float* zeros,
                               long first, long count, long plane, const Place& place) {
  TileWalk walk(tiles, first);
  for (long t = 0; t < count; ++t, walk.next(tiles)) {
    const float* pixel[TILE][TILE];
    findPixels(dy + walk.image * g.oh * g.ow * g.co, g.oh, g.ow, g.co, walk.y0, walk.x0, zeros, pixel);
    for (long c = 0; c < g.co; c += LANES) {
      float* out = place(t, c);
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

  void transform(const Convolution& g, const Tiles& all, const float* x, const float* dy, const float* zeros, long first,
                 long at, long count, float* v, float* z) const {
    transformPatches(g, all, x, zeros, first + at, count, vPlane,
                     [=](long t, long c) { return v + c / VP * vPanel + (at + t) * VP + c % VP; });
    transformGradients(g, all, dy, zeros, first + at, count, zPlane,
                       [=](long t, long c) { return z + c / NR * zPanel + (at + t) * NR + c % NR; });
  }

  // du [ci, width] (+)= V^T Z of one plane and `count` tiles, for the rows [from, to) of du; from is a multiple of VP.
  void multiply(const float* v, const float* z, long from, long to, long count, float* du, bool add) const {
    // As many tiles as leave a panel of each in the first-level cache.
    enum : long { DEPTH = 192 };
    for (long k0 = 0; k0 < count; k0 += DEPTH) {
      const long depth = least(DEPTH, count - k0);
      for (long j = 0; j < width; j += NR) {
        const float* right = z + j / NR * zPanel + k0 * NR;
        for (long m = from; m < to; m += MR) {
          const float* left = v + m / VP * vPanel + k0 * VP + m % VP;
          // The next tiles come while these are multiplied: those of the right factor with the first rows, a cache line
          // of each with one block of them; those of the left factor with the first columns.
          const long line = (m - from) / MR * 16;
          const float* ahead = line < NR ? right + DEPTH * NR + line : left + DEPTH * VP;
          const long step = line < NR ? NR : j == 0 ? VP : 0;
          microPanelsOf(least(MR, to - m), left, right, depth, du + m * width + j, width, add || k0 > 0, ahead, step);
        }
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
        block.multiply(v + xi * block.vPlane, z + xi * block.zPlane, 0, g.ci, count, du + xi * plane, first > begin);
      }
    }
  });
  transformWeights(team, g, sums, width, slots, dw);
}

// Large filters: all threads transform some hundred tiles, then share the 36 products.
static void winogradLargeFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  // Memory for V and Z; each time it is full, dU is read and written once.
  enum : long { BYTES = 40 << 20, CHUNK = 16 };
  const Tiles all(g);
  const long width = ceilDiv(g.co, NR) * NR, plane = g.ci * width, channels = ceilDiv(most(g.ci, g.co), 16) * 16;
  const long fitting = BYTES / (4 * GradientBlock::floatsPerTile(g)) / CHUNK * CHUNK;
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
      block.transform(g, all, x, dy, zeros, first, item * CHUNK, least(CHUNK, count - item * CHUNK), v, z);
    });
    parallel(team, PLANES, [&](long xi, long) {
      block.multiply(v + xi * block.vPlane, z + xi * block.zPlane, 0, g.ci, count, du + xi * plane, first > 0);
    });
  }
  transformWeights(team, g, du, width, 1, dw);
}

static void winogradFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  const long bytes = PLANES * g.ci * ceilDiv(g.co, NR) * NR * 4;
  return (bytes <= team.cacheBytes() * 2 / 5 ? winogradSmallFilterGradient : winogradLargeFilterGradient)(team, g, x, dy,
                                                                                                          dw);
}


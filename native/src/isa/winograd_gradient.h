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

// Asks for LANES channels of the TILE x TILE pixels in the middle of a patch: they lie in rows far apart, which no
// processor foresees.
template <int EDGE>
static inline void fetchTile(const float* const (&pixel)[TILE + 2 * EDGE][TILE + 2 * EDGE], long c) {
#pragma GCC unroll 4
  for (int i = EDGE; i < TILE + EDGE; ++i) {
#pragma GCC unroll 4
    for (int j = EDGE; j < TILE + EDGE; ++j) __builtin_prefetch(pixel[i][j] + c, 0, 3);
  }
}

// Some channels of both sides and up to `tiles` tiles. V and Z lie in panels of VP and NR channels: what a product reads
// lies as it is read.
struct GradientBlock {
  long ci, co, tiles, vPanel, vPlane, zPanel, zPlane, duPlane;
  GradientBlock(long ci, long co, long tiles)
      : ci(ci),
        co(co),
        tiles(tiles),
        vPanel(tiles * VP),
        vPlane(spread(ci * tiles)),
        zPanel(tiles * NR),
        zPlane(spread(co * tiles)),
        duPlane(spread(ci * co)) {}
  long floats() const { return PLANES * (vPlane + zPlane); }
};

// Asks for the pixels of the tiles from `first` on while others are multiplied: a row of one tile, of the image or of the
// gradient in turn, with each call.
class PixelFetch {
 public:
  PixelFetch(const Convolution& g, const Tiles& all, const float* x, const float* dy, long channels, long gradients,
             long first, long count)
      : g_(g), all_(all), x_(x), dy_(dy), channels_(channels), gradients_(gradients), walk_(all, first),
        left_(2 * TILE * count) {}
  Apart some(long depth) {
    if (left_ == 0) return {{x_, 0}, depth, 0};
    const long row = left_-- / 2 % TILE;
    Apart ahead;
    if (left_ % 2 == 0) {
      ahead = rowOf(dy_ + ((walk_.image * g_.oh + walk_.y0 + row) * g_.ow + walk_.x0) * g_.co, g_.co, gradients_, depth);
    } else {
      const long y = walk_.y0 - g_.padTop + 1 + row, x = walk_.x0 - g_.padLeft + 1;
      ahead = rowOf(x_ + ((walk_.image * g_.h + y) * g_.w + x) * g_.ci, g_.ci, channels_, depth);
    }
    if (left_ % (2 * TILE) == 0) walk_.next(all_);
    return ahead;
  }

 private:
  static Apart rowOf(const float* pixel, long stride, long count, long depth) {
    const long steps = most(1, depth / TILE), step = ceilDiv(count, steps);
    return {{pixel, step}, steps, stride - steps * step};
  }
  const Convolution& g_;
  const Tiles& all_;
  const float* x_;
  const float* dy_;
  long channels_, gradients_;
  TileWalk walk_;
  long left_;
};

// One part of the filter's gradient: the channels of one block, [c0, c0 + ci) and [o0, o0 + co).
struct GradientPart {
  const Convolution& g;
  const GradientBlock& block;
  long c0, o0, ci, co;
  GradientPart(const Convolution& g, const GradientBlock& block, long part)
      : g(g),
        block(block),
        c0(part / ceilDiv(g.co, block.co) * block.ci),
        o0(part % ceilDiv(g.co, block.co) * block.co),
        ci(least(block.ci, g.ci - c0)),
        co(least(block.co, g.co - o0)) {}

  // Transforms `count` tiles from `first` on, which become those from `at` on of the block. Channel by channel, so that
  // each of the planes is written as it lies: the tiles of a panel are neighbours.
  void transform(const Tiles& all, const float* x, const float* dy, const float* zeros, long first, long at, long count,
                 float* v, float* z, bool fetch = false) const {
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
      for (long c = 0; c < ci; c += LANES) {
        float* out = v + c / VP * block.vPanel + (at + t0) * VP + c % VP;
        for (long t = 0; t < some; ++t) {
          if (fetch) fetchTile<1>(patch[t], c0 + c + LANES);
          transformPatch(patch[t], c0 + c, block.vPlane, out + t * VP);
        }
      }
      for (long o = 0; o < co; o += LANES) {
        float* out = z + o / NR * block.zPanel + (at + t0) * NR + o % NR;
        for (long t = 0; t < some; ++t) {
          if (fetch) fetchTile<0>(tile[t], o0 + o + LANES);
          transformGradient(tile[t], o0 + o, block.zPlane, out + t * NR);
        }
      }
    }
  }

  // du (+)= V^T Z of one plane and `count` tiles. with(c, o, left, right) says what to ask for meanwhile. A block of du is
  // read and written once, however many tiles there are.
  template <class With>
  void multiply(const float* v, const float* z, long count, float* du, bool add, const With& with) const {
    for (long o = 0; o < co; o += NR) {
      const float* right = z + o / NR * block.zPanel;
      for (long c = 0; c < ci; c += MR) {
        const float* left = v + c / VP * block.vPanel + c % VP;
        microOf<Columns, MR>(least(MR, ci - c), left, right, NR, count, du + c * block.co + o, block.co, add,
                             with(c, o, left, right), VP);
      }
    }
  }

  // Of dw, the filters' row c0 + c, from `slots` partial sums of dU that lie `slot` floats apart.
  void transformWeights(long c, const float* du, long slots, long slot, float* dw) const {
    for (long o = 0; o < co; o += LANES) {
      const float* in = du + c * block.co + o;
      Vec half[3][PATCH];
#pragma GCC unroll 6
      for (int j = 0; j < PATCH; ++j) {
        Vec column[PATCH], three[3];
#pragma GCC unroll 6
        for (int i = 0; i < PATCH; ++i) {
          const float* plane = in + (i * PATCH + j) * block.duPlane;
          // 36 rows at once are more than a processor foresees.
          __builtin_prefetch(plane + 8 * LANES, 0, 2);
          column[i] = load(plane);
          for (long s = 1; s < slots; ++s) column[i] += load(plane + s * slot);
        }
        weightTransform(column, three);
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) half[i][j] = three[i];
      }
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) {
        Vec three[3];
        weightTransform(half[i], three);
#pragma GCC unroll 3
        for (int j = 0; j < 3; ++j) store(dw + ((i * 3 + j) * g.ci + c0 + c) * g.co + o0 + o, three[j]);
      }
    }
  }
};

// The sums that are computed depend on the machine, but not on the number of threads: the same sums in the same order
// give the same bits.
enum : long { SLOTS = 8, SMALL_PARTS = 16 };

// Small filters. A thread takes a part of dU that stays in its second-level cache, beside V and Z of some tiles: what
// comes from further away, other threads' caches before all, comes late. V is computed again for every part with other
// output channels, Z for every part with other input channels: that costs less than to wait for them. Where there are few
// parts, the tiles are shared out, too.
static void winogradSmallFilterGradient(Team& team, const Convolution& g, const GradientBlock& block, const float* x,
                                        const float* dy, float* dw) {
  const Tiles all(g);
  const long across = ceilDiv(g.co, block.co), parts = ceilDiv(g.ci, block.ci) * across;
  const long wanted = least(ceilDiv(SMALL_PARTS, parts), ceilDiv(all.total, block.tiles));
  const long perSlot = ceilDiv(all.total, wanted), slots = ceilDiv(all.total, perSlot);
  const long channels = ceilDiv(most(g.ci, g.co), 16) * 16, slot = PLANES * block.duPlane;
  team.reserve(block.floats(), channels + parts * slots * slot);
  float* zeros = team.shared();
  float* sums = zeros + channels;
  clearFloats(zeros, channels);
  parallel(team, parts * slots, [&](long item, long worker) {
    const GradientPart part(g, block, item / slots);
    float* v = team.scratch(worker);
    float* z = v + PLANES * block.vPlane;
    float* du = sums + item * slot;
    const long begin = item % slots * perSlot, end = least(all.total, begin + perSlot);
    for (long first = begin; first < end; first += block.tiles) {
      const long count = least(block.tiles, end - first), next = first + count;
      part.transform(all, x, dy, zeros, first, 0, count, v, z);
      PixelFetch fetch(g, all, x + part.c0, dy + part.o0, part.ci, part.co, next, least(block.tiles, end - next));
      for (long xi = 0; xi < PLANES; ++xi) {
        part.multiply(v + xi * block.vPlane, z + xi * block.zPlane, count, du + xi * block.duPlane, first > begin,
                      [&](long, long, const float*, const float*) { return fetch.some(count); });
      }
    }
  });
  parallel(team, g.ci, [&](long c, long) {
    for (long i = 0; i < across; ++i) {
      const long at = c / block.ci * across + i;
      GradientPart(g, block, at).transformWeights(c % block.ci, sums + at * slots * slot, slots, slot, dw);
    }
  });
}

// Large filters: all threads transform some hundred tiles, then share the 36 products.
static void winogradLargeFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  enum : long { MOST_BYTES = 40 << 20, CHUNK = 16 };
  const Tiles all(g);
  const long ci = ceilDiv(g.ci, VP) * VP, co = ceilDiv(g.co, NR) * NR, channels = ceilDiv(most(g.ci, g.co), 16) * 16;
  // Memory for V and Z: each time it is full, dU is read and written once. As much as that, then, for a smaller dU leaves
  // them room in the third-level cache.
  const long bytes = least(MOST_BYTES, 2 * PLANES * ci * co * 4), fitting = bytes / (4 * PLANES * (ci + co)) / CHUNK * CHUNK;
  // Passes of like lengths.
  const long passes = ceilDiv(all.total, most(CHUNK, fitting));
  const GradientBlock block(ci, co, ceilDiv(ceilDiv(all.total, passes), CHUNK) * CHUNK);
  const GradientPart whole(g, block, 0);
  team.reserve(0, channels + block.floats() + PLANES * block.duPlane);
  float* zeros = team.shared();
  float* v = zeros + channels;
  float* z = v + PLANES * block.vPlane;
  float* du = z + PLANES * block.zPlane;
  clearFloats(zeros, channels);
  for (long first = 0; first < all.total; first += block.tiles) {
    const long count = least(block.tiles, all.total - first);
    parallel(team, ceilDiv(count, CHUNK), [&](long item, long) {
      const long at = item * CHUNK;
      whole.transform(all, x, dy, zeros, first + at, at, least(CHUNK, count - at), v, z, true);
    });
    parallel(team, PLANES, [&](long xi, long) {
      // Meanwhile comes what is next: the right factor's next panel with the first rows, a cache line of each of its rows
      // with one block of them; the left factor of the plane that this thread multiplies next with the first columns.
      const long later = least(team.size(), PLANES - 1 - xi);
      whole.multiply(v + xi * block.vPlane, z + xi * block.zPlane, count, du + xi * block.duPlane, first > 0,
                     [&](long c, long o, const float* left, const float* right) -> Near {
                       const long line = c / MR * 16;
                       if (line < NR) return {right + block.zPanel + line, NR};
                       return {left + later * block.vPlane, o == 0 && c % VP == 0 ? VP : 0};
                     });
    });
  }
  parallel(team, ceilDiv(g.ci, 8), [&](long item, long) {
    for (long c = item * 8; c < least(g.ci, (item + 1) * 8); ++c) whole.transformWeights(c, du, 1, 0, dw);
  });
}

static void winogradFilterGradient(Team& team, const Convolution& g, const float* x, const float* dy, float* dw) {
  long ci = ceilDiv(g.ci, VP) * VP, co = ceilDiv(g.co, NR) * NR;
  const long cache = team.cacheBytes() / 4;
  while (PLANES * ci * co > cache * 2 / 5 && most(ci, co) > most(VP, NR)) {
    if (ci > co) {
      ci = ceilDiv(ceilDiv(ci, 2), VP) * VP;
    } else {
      co = ceilDiv(ceilDiv(co, 2), NR) * NR;
    }
  }
  if (ceilDiv(g.ci, ci) * ceilDiv(g.co, co) > SMALL_PARTS) return winogradLargeFilterGradient(team, g, x, dy, dw);
  const long tiles = (cache * 3 / 4 - PLANES * ci * co) / (PLANES * (ci + co)) / 8 * 8;
  winogradSmallFilterGradient(team, g, GradientBlock(ci, co, most(16, tiles)), x, dy, dw);
}

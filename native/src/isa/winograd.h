// Winograd's algorithm F(4x4, 3x3) (Lavin and Gray, arXiv:1509.09308): a tile of 4x4 results of a 3x3 convolution
// from a 6x6 patch with 36 multiplications instead of 144. Element xi = 6 * row + column of all transformed patches
// makes one matrix product: M[xi] = V[xi] U[xi], with V [tiles, ci] from the images and U [ci, co] from the filter.

enum : long { TILE = 4, PATCH = 6, PLANES = 36 };

// The next length whose rows begin in other cache sets than their neighbours: an odd number of cache lines.
static inline long spread(long floats) { return (ceilDiv(floats, 16) | 1) * 16; }

struct Tiles {
  long rows, columns, total;
  explicit Tiles(const Convolution& g)
      : rows(ceilDiv(g.oh, TILE)), columns(ceilDiv(g.ow, TILE)), total(rows * columns * g.n) {}
  // Floats of the images for each tile.
  long inputs(const Convolution& g) const { return g.h * g.w / (rows * columns) * g.ci; }
};

// B^T d: one column of a patch.
static inline void patchTransform(const Vec (&d)[PATCH], Vec (&out)[PATCH]) {
  const Vec even = d[4] - 4.0f * d[2], odd = d[3] - 4.0f * d[1];
  const Vec even2 = d[4] - d[2], odd2 = 2.0f * (d[3] - d[1]);
  out[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

// A^T m: six products give four results.
static inline void resultTransform(const Vec (&m)[PATCH], Vec (&out)[TILE]) {
  const Vec sum = m[1] + m[2], difference = m[1] - m[2], sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  out[0] = m[0] + sum + sum2;
  out[1] = difference + 2.0f * difference2;
  out[2] = sum + 4.0f * sum2;
  out[3] = difference + 8.0f * difference2 + m[5];
}

// A y: the transpose of resultTransform, for the filter's gradient.
static inline void gradientTransform(const Vec (&y)[TILE], Vec (&out)[PATCH]) {
  const Vec even = y[0] + y[2], odd = y[1] + y[3];
  const Vec even2 = y[0] + 4.0f * y[2], odd2 = 2.0f * (y[1] + 4.0f * y[3]);
  out[0] = y[0];
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even2 + odd2;
  out[4] = even2 - odd2;
  out[5] = y[3];
}

// G w: three weights give six.
static inline void filterTransform(const Vec (&w)[3], Vec (&out)[PATCH]) {
  const Vec ends = w[0] + w[2];
  const Vec ends2 = (1.0f / 24) * w[0] + (1.0f / 6) * w[2], middle = (1.0f / 12) * w[1];
  out[0] = 0.25f * w[0];
  out[1] = (-1.0f / 6) * (ends + w[1]);
  out[2] = (-1.0f / 6) * (ends - w[1]);
  out[3] = ends2 + middle;
  out[4] = ends2 - middle;
  out[5] = w[2];
}

// G^T u: the transpose of filterTransform.
static inline void weightTransform(const Vec (&u)[PATCH], Vec (&out)[3]) {
  const Vec sum = (1.0f / 6) * (u[1] + u[2]), sum2 = u[3] + u[4];
  out[0] = 0.25f * u[0] - sum + (1.0f / 24) * sum2;
  out[1] = (1.0f / 6) * (u[2] - u[1]) + (1.0f / 12) * (u[3] - u[4]);
  out[2] = (1.0f / 6) * sum2 - sum + u[5];
}

// Which tile comes when: image by image, row by row.
struct TileWalk {
  long image, y0, x0;
  TileWalk(const Tiles& tiles, long first)
      : image(first / (tiles.rows * tiles.columns)),
        y0(first % (tiles.rows * tiles.columns) / tiles.columns * TILE),
        x0(first % tiles.columns * TILE) {}
  void next(const Tiles& tiles) {
    x0 += TILE;
    if (x0 < tiles.columns * TILE) return;
    x0 = 0;
    y0 += TILE;
    if (y0 < tiles.rows * TILE) return;
    y0 = 0;
    ++image;
  }
};

// Where the SIDE x SIDE pixels from (y, x) on of an image [h, w, c] are; those outside of it are at `zeros`.
template <int SIDE>
static inline void findPixels(const float* image, long h, long w, long c, long y, long x, const float* zeros,
                              const float* (&pixel)[SIDE][SIDE]) {
  const float* first = image + (y * w + x) * c;
  if (y >= 0 && x >= 0 && y + SIDE <= h && x + SIDE <= w) {
    for (long i = 0; i < SIDE; ++i) {
      for (long j = 0; j < SIDE; ++j) pixel[i][j] = first + (i * w + j) * c;
    }
    return;
  }
  for (long i = 0; i < SIDE; ++i) {
    const bool row = y + i >= 0 && y + i < h;
    for (long j = 0; j < SIDE; ++j) {
      const bool inside = row & (x + j >= 0) & (x + j < w);
      pixel[i][j] = inside ? first + (i * w + j) * c : zeros;
    }
  }
}

// B^T d B of one patch and LANES channels: plane xi goes to out + xi * plane.
static inline void transformPatch(const float* const (&pixel)[PATCH][PATCH], long c, long plane, float* out) {
  Vec half[PATCH][PATCH];
#pragma GCC unroll 6
  for (int j = 0; j < PATCH; ++j) {
    Vec d[PATCH], column[PATCH];
#pragma GCC unroll 6
    for (int i = 0; i < PATCH; ++i) d[i] = load(pixel[i][j] + c);
    patchTransform(d, column);
#pragma GCC unroll 6
    for (int i = 0; i < PATCH; ++i) half[i][j] = column[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < PATCH; ++i) {
    Vec row[PATCH];
    patchTransform(half[i], row);
#pragma GCC unroll 6
    for (int j = 0; j < PATCH; ++j) store(out + (i * PATCH + j) * plane, row[j]);
  }
}

// Asks for the cache lines of TILE x TILE pixels' LANES channels: what lies in rows far apart, no processor foresees.
static inline void fetchPixels(const float* ahead) {
#pragma GCC unroll 16
  for (long line = 0; line < TILE * TILE * LANES / 16; ++line) __builtin_prefetch(ahead + line * 16, 0, 2);
}

// Writes the transformed patches of `count` tiles from tile `first` on: v[xi * plane + t * stride + c].
static void transformPatches(const Convolution& g, const Tiles& tiles, const float* x, const float* zeros, long first,
                             long count, float* v, long stride, long plane) {
  TileWalk walk(tiles, first);
  const long perTile = tiles.inputs(g);
  const float* ahead = x + (first + tiles.columns + 1) * perTile;
  for (long t = 0; t < count; ++t, walk.next(tiles), ahead += perTile) {
    const float* pixel[PATCH][PATCH];
    findPixels(x + walk.image * g.h * g.w * g.ci, g.h, g.w, g.ci, walk.y0 - g.padTop, walk.x0 - g.padLeft, zeros, pixel);
    for (long c = 0; c < g.ci; c += LANES) {
      fetchPixels(ahead + c * TILE * TILE);
      transformPatch(pixel, c, plane, v + t * stride + c);
    }
  }
}

// Writes the results of `count` tiles from tile `first` on, for the channels [from, from + width).
// m[xi * plane + t * stride + o - from]; where an image ends inside of a tile, the rest is dropped.
// POOL: only the largest of each 2x2 block is written, and where it was.
template <bool POOL>
static void transformResults(const Convolution& g, const Tiles& tiles, const float* m, long stride, long plane,
                             long first, long count, long from, long width, const Epilogue& after, float* y) {
  const float* bias = after.bias;
  const bool relu = after.relu;
  TileWalk walk(tiles, first);
  for (long t = 0; t < count; ++t, walk.next(tiles)) {
    const auto [image, y0, x0] = walk;
    const long height = least(TILE, g.oh - y0), width4 = least(TILE, g.ow - x0);
    const long outWidth = POOL ? g.ow / 2 : g.ow;
    const long start = POOL ? ((image * (g.oh / 2) + y0 / 2) * outWidth + x0 / 2) * g.co + from
                            : ((image * g.oh + y0) * g.ow + x0) * g.co + from;
    float* out = y + start;
    const float* in = m + t * stride;
    for (long c = 0; c < width; c += LANES) {
      Vec half[TILE][PATCH];
#pragma GCC unroll 6
      for (int j = 0; j < PATCH; ++j) {
        Vec column[PATCH], four[TILE];
#pragma GCC unroll 6
        for (int i = 0; i < PATCH; ++i) column[i] = load(in + (i * PATCH + j) * plane + c);
        resultTransform(column, four);
#pragma GCC unroll 4
        for (int i = 0; i < TILE; ++i) half[i][j] = four[i];
      }
      const Vec shift = bias == nullptr ? Vec{} : load(bias + from + c);
      if constexpr (POOL) {
#pragma GCC unroll 2
        for (long i = 0; i < TILE / 2; ++i) {
          if (2 * i + 1 >= height) break;
          Vec upper[TILE], lower[TILE];
          resultTransform(half[2 * i], upper);
          resultTransform(half[2 * i + 1], lower);
#pragma GCC unroll 2
          for (long j = 0; j < TILE / 2; ++j) {
            if (2 * j + 1 >= width4) break;
            const long at = (i * outWidth + j) * g.co + c;
            storeLargest(upper[2 * j] + shift, upper[2 * j + 1] + shift, lower[2 * j] + shift, lower[2 * j + 1] + shift,
                         relu, out + at, after.places + start + at);
          }
        }
        continue;
      }
#pragma GCC unroll 4
      for (long i = 0; i < TILE; ++i) {
        if (i >= height) break;
        Vec four[TILE];
        resultTransform(half[i], four);
#pragma GCC unroll 4
        for (long j = 0; j < TILE; ++j) {
          if (j >= width4) break;
          const Vec value = four[j] + shift;
          // Written so that NaN stays NaN.
          store(out + (i * g.ow + j) * g.co + c, relu ? (value < Vec{} ? Vec{} : value) : value);
        }
      }
    }
  }
}

// G w G^T of LANES filters: plane xi goes to out + xi * plane.
static inline void transformFilter(const Vec (&w)[9], long plane, float* out) {
  Vec half[PATCH][3];
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j) {
    const Vec column[3] = {w[j], w[3 + j], w[6 + j]};
    Vec six[PATCH];
    filterTransform(column, six);
#pragma GCC unroll 6
    for (int i = 0; i < PATCH; ++i) half[i][j] = six[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < PATCH; ++i) {
    Vec six[PATCH];
    filterTransform(half[i], six);
#pragma GCC unroll 6
    for (int j = 0; j < PATCH; ++j) store(out + (i * PATCH + j) * plane, six[j]);
  }
}

// Filters are transformed by a panel and some of its rows at a time, so that every plane is written as it lies.
enum : long { ROWS_AT_ONCE = 64 };

// U for a filter [3, 3, ci, co], in panels of NR columns: u[xi][panel][ci][NR].
static void winogradPackForward(Team& team, const float* w, long ci, long co, float* u) {
  const long panels = ceilDiv(co, NR), plane = panels * ci * NR, chunks = ceilDiv(ci, ROWS_AT_ONCE);
  parallel(team, panels * chunks, [=](long item, long) {
    const long panel = item / chunks, first = item % chunks * ROWS_AT_ONCE;
    for (long c = first; c < least(ci, first + ROWS_AT_ONCE); ++c) {
      for (long o = panel * NR; o < least(co, (panel + 1) * NR); o += LANES) {
        Vec weights[9];
        for (int k = 0; k < 9; ++k) weights[k] = load(w + (k * ci + c) * co + o);
        transformFilter(weights, plane, u + (panel * ci + c) * NR + o % NR);
      }
    }
  });
}

// U for the gradient of the images: the filter turned by 180 degrees, input and output channels exchanged.
static void winogradPackBackward(Team& team, const float* w, long ci, long co, float* u) {
  const long panels = ceilDiv(ci, NR), plane = panels * co * NR, chunks = ceilDiv(co, ROWS_AT_ONCE);
  parallel(team, panels * chunks, [=](long item, long) {
    const long panel = item / chunks, first = item % chunks * ROWS_AT_ONCE;
    // Blocks of LANES x LANES weights, so that both sides are read and written whole.
    for (long o0 = first; o0 < least(co, first + ROWS_AT_ONCE); o0 += LANES) {
      for (long c0 = panel * NR; c0 < least(ci, (panel + 1) * NR); c0 += LANES) {
        Vec turned[LANES][9];
        for (int k = 0; k < 9; ++k) {
          Vec block[LANES];
          for (int c = 0; c < LANES; ++c) block[c] = load(w + ((8 - k) * ci + c0 + c) * co + o0);
          turn(block);
          for (int o = 0; o < LANES; ++o) turned[o][k] = block[o];
        }
        for (int o = 0; o < LANES; ++o) {
          transformFilter(turned[o], plane, u + (panel * co + o0 + o) * NR + c0 % NR);
        }
      }
    }
  });
}

// The parts in which a convolution is computed: a thread takes some tiles, or of all tiles some channels, at a time.
struct WinogradBlock {
  enum : long { CHANNELS = 64, FEW = 32, TRANSFORMED = 4 };
  long channels, mStride, vStride, tiles, vPlane, mPlane;
  // Few tiles and so many weights that they come from memory: V is computed by all threads first, and then each takes all
  // tiles and some channels. No weight comes twice, and no thread waits for another that has half of the tiles.
  bool together = false;
  WinogradBlock(const Convolution& g, long total, const Team& team)
      : channels(least(ceilDiv(g.co, NR) * NR, CHANNELS)), mStride(spread(channels)), vStride(spread(g.ci)) {
    // Best V and M stay in the second-level cache, and U comes from the third as often as there are blocks of tiles.
    // Where too few tiles fit for that, V and M go to the third-level cache once, and every plane's product comes from
    // and goes there: then blocks are large.
    tiles = team.cacheBytes() * 8 / 10 / (PLANES * 4 * (vStride + mStride)) / SR * SR;
    if (tiles < 2 * SR) {
      const bool fromMemory = PLANES * g.ci * ceilDiv(g.co, NR) * NR > 4 << 20;
      together = fromMemory && total <= FEW * team.size();
      if (!together) {
        channels = ceilDiv(g.co, NR) * NR;
        mStride = spread(channels);
        tiles = least(ceilDiv(fromMemory ? 128 : 60, SR) * SR, (20 << 20) / (PLANES * 4 * (vStride + mStride)) / SR * SR);
      }
    }
    tiles = together ? total : evenTiles(total, most(SR, tiles), team.size());
    vPlane = spread(tiles * vStride);
    mPlane = spread(tiles * mStride);
  }

 private:
  // Enough blocks for every thread, of like sizes; whole blocks of rows unless a thread would wait for another then.
  static long evenTiles(long total, long fitting, long threads) {
    const long blocks = ceilDiv(ceilDiv(total, fitting), threads) * threads;
    const long even = ceilDiv(total, blocks), whole = ceilDiv(even, SR) * SR, count = ceilDiv(total, whole);
    const bool alike = count % threads == 0 && count * whole - total <= whole / 4;
    return count > 4 * threads || alike ? whole : even;
  }
};

struct WinogradForward {
  const Convolution& g;
  const Tiles& tiles;
  const WinogradBlock& block;
  const float* u;
  const Epilogue& after;
  float* y;

  // The results of `count` tiles from `first` on, from their V, for a block's channels from `from` on. `m` is to work in.
  void results(const float* v, float* m, long first, long count, long from) const {
    const long width = least(block.channels, g.co - from);
    const long panels = ceilDiv(g.co, NR), panelStride = g.ci * NR;
    for (long xi = 0; xi < PLANES; ++xi) {
      const float* plane = u + (xi * panels + from / NR) * panelStride;
      const float* next = xi + 1 < PLANES ? plane + panels * panelStride : plane;
      multiplyTiles(v + xi * block.vPlane, block.vStride, count, plane, panelStride, next, g.ci, m + xi * block.mPlane,
                    block.mStride, width, false, [](const Near& near) { return near; });
    }
    (after.places != nullptr ? transformResults<true> : transformResults<false>)(
        g, tiles, m, block.mStride, block.mPlane, first, count, from, width, after, y);
  }
};

static void winogradForward(Team& team, const Convolution& g, const float* x, const float* u, const Epilogue& after,
                            float* y) {
  const Tiles tiles(g);
  const WinogradBlock block(g, tiles.total, team);
  const WinogradForward forward{g, tiles, block, u, after, y};
  const long vFloats = PLANES * block.vPlane, mFloats = PLANES * block.mPlane, channels = spread(g.ci);
  team.reserve(mFloats + (block.together ? 0 : vFloats), channels + (block.together ? vFloats : 0));
  float* zeros = team.shared();
  clearFloats(zeros, g.ci);
  if (block.together) {
    float* v = zeros + channels;
    enum : long { SOME = WinogradBlock::TRANSFORMED };
    parallel(team, ceilDiv(tiles.total, SOME), [&](long item, long) {
      const long first = item * SOME, count = least(SOME, tiles.total - first);
      transformPatches(g, tiles, x, zeros, first, count, v + first * block.vStride, block.vStride, block.vPlane);
    });
    parallel(team, ceilDiv(g.co, block.channels), [&](long item, long worker) {
      forward.results(v, team.scratch(worker), 0, tiles.total, item * block.channels);
    });
    return;
  }
  parallel(team, ceilDiv(tiles.total, block.tiles), [&](long item, long worker) {
    float* v = team.scratch(worker);
    const long first = item * block.tiles, count = least(block.tiles, tiles.total - first);
    transformPatches(g, tiles, x, zeros, first, count, v, block.vStride, block.vPlane);
    for (long from = 0; from < g.co; from += block.channels) forward.results(v, v + vFloats, first, count, from);
  });
}

// Pools over windows of [n, h, w, c].

// The part of the image below one result: [y0, y1) x [x0, x1).
struct Window {
  long y0, y1, x0, x1;
  Window(const PoolWindow& g, long row, long column) {
    const long top = row * g.strideY - g.padTop, left = column * g.strideX - g.padLeft;
    // Never less than nothing: a window may lie in the padding alone.
    y0 = most(0, top), y1 = most(y0, least(g.h, top + g.kh));
    x0 = most(0, left), x1 = most(x0, least(g.w, left + g.kw));
  }
};

// The largest of each window; NaN never wins, as in TensorFlow.js' cpu backend. An average counts no padding.
static void poolForward(Team& team, const PoolWindow& g, bool average, const float* x, float* y) {
  parallel(team, g.n * g.oh, [=](long item, long) {
    const float* image = x + item / g.oh * g.h * g.w * g.c;
    for (long column = 0; column < g.ow; ++column) {
      const Window at(g, item % g.oh, column);
      float* out = y + (item * g.ow + column) * g.c;
      const float start = average ? 0 : -__builtin_inff();
      for (long i = 0; i < g.c; ++i) out[i] = start;
      for (long r = at.y0; r < at.y1; ++r) {
        for (long p = at.x0; p < at.x1; ++p) {
          const float* in = image + (r * g.w + p) * g.c;
          if (average) {
            for (long i = 0; i < g.c; ++i) out[i] += in[i];
          } else {
            for (long i = 0; i < g.c; ++i) out[i] = in[i] > out[i] ? in[i] : out[i];
          }
        }
      }
      if (!average) continue;
      const float count = static_cast<float>((at.y1 - at.y0) * (at.x1 - at.x0));
      for (long i = 0; i < g.c; ++i) out[i] /= count;
    }
  });
}

// dx of a max-pool: every result's gradient goes to the first of the largest in its window, in reading order. One
// image is one item, because windows may overlap.
static void maxPoolGradient(Team& team, const PoolWindow& g, const float* x, const float* dy, float* dx) {
  team.reserve(2 * g.c, 0);
  parallel(team, g.n, [=, &team](long n, long worker) {
    const float* image = x + n * g.h * g.w * g.c;
    float* out = dx + n * g.h * g.w * g.c;
    clearFloats(out, g.h * g.w * g.c);
    float* best = team.scratch(worker);
    int* where = reinterpret_cast<int*>(best + g.c);
    for (long row = 0; row < g.oh; ++row) {
      for (long column = 0; column < g.ow; ++column) {
        const Window at(g, row, column);
        if (at.y0 >= at.y1 || at.x0 >= at.x1) continue;
        const float* back = dy + ((n * g.oh + row) * g.ow + column) * g.c;
        for (long i = 0; i < g.c; ++i) {
          best[i] = -__builtin_inff();
          where[i] = -1;
        }
        for (long r = at.y0; r < at.y1; ++r) {
          for (long p = at.x0; p < at.x1; ++p) {
            const float* in = image + (r * g.w + p) * g.c;
            const int place = static_cast<int>(r * g.w + p);
            for (long i = 0; i < g.c; ++i) {
              const bool larger = in[i] > best[i];
              best[i] = larger ? in[i] : best[i];
              where[i] = larger ? place : where[i];
            }
          }
        }
        // Where nothing but NaN or -infinity was seen, nothing won.
        for (long i = 0; i < g.c; ++i) {
          if (where[i] >= 0) out[static_cast<long>(where[i]) * g.c + i] += back[i];
        }
      }
    }
  });
}

// dx of an average pool as TensorFlow.js' cpu backend has it: dy / (kh * kw), padding counted.
static void averagePoolGradient(Team& team, const PoolWindow& g, const float* dy, float* dx) {
  parallel(team, g.n, [=](long n, long) {
    float* out = dx + n * g.h * g.w * g.c;
    clearFloats(out, g.h * g.w * g.c);
    const float share = 1.0f / static_cast<float>(g.kh * g.kw);
    for (long row = 0; row < g.oh; ++row) {
      for (long column = 0; column < g.ow; ++column) {
        const Window at(g, row, column);
        const float* back = dy + ((n * g.oh + row) * g.ow + column) * g.c;
        for (long r = at.y0; r < at.y1; ++r) {
          for (long p = at.x0; p < at.x1; ++p) {
            float* to = out + (r * g.w + p) * g.c;
            for (long i = 0; i < g.c; ++i) to[i] += back[i] * share;
          }
        }
      }
    }
  });
}

// The way back through a convolution's 2x2 max-pool, ReLU and bias: z [n, h, w, c] has dy [n, h/2, w/2, c] where the
// largest was and zeros elsewhere; db [c] are the sums of z over all pixels: partial sums of a fixed number of parts,
// added in order.
static void unpoolBiasGradient(Team& team, const Images& g, const float* dy, const unsigned char* places, float* z,
                               float* db) {
  const long lines = ceilDiv(g.h, 2), items = g.n * lines, oh = g.h / 2, ow = g.w / 2;
  const long parts = least(64, items), perPart = ceilDiv(items, parts), width = ceilDiv(g.c, LANES) * LANES;
  team.reserve(0, parts * width);
  float* sums = team.shared();
  parallel(team, parts, [&](long part, long) {
    float* sum = sums + part * width;
    clearFloats(sum, width);
    for (long item = part * perPart; item < least(items, (part + 1) * perPart); ++item) {
      const long image = item / lines, line = item % lines;
      float* upper = z + (image * g.h + 2 * line) * g.w * g.c;
      float* lower = upper + g.w * g.c;
      if (line == oh) {
        clearFloats(upper, g.w * g.c);
        continue;
      }
      for (long column = 0; column < ow; ++column) {
        const long from = ((image * oh + line) * ow + column) * g.c;
        float* to[4] = {upper + 2 * column * g.c, upper + (2 * column + 1) * g.c, lower + 2 * column * g.c,
                        lower + (2 * column + 1) * g.c};
        long i = 0;
        for (; i + LANES <= g.c; i += LANES) {
          const Vec value = load(dy + from + i);
          const IntVec place = loadBytes(places + from + i);
#pragma GCC unroll 4
          for (int k = 0; k < 4; ++k) store(to[k] + i, place == k ? value : Vec{});
          store(sum + i, load(sum + i) + (place == PLACE_NONE ? Vec{} : value));
        }
        for (; i < g.c; ++i) {
          const int place = places[from + i];
          for (int k = 0; k < 4; ++k) to[k][i] = place == k ? dy[from + i] : 0;
          if (place != PLACE_NONE) sum[i] += dy[from + i];
        }
      }
      if (g.w % 2 != 0) {
        clearFloats(upper + (g.w - 1) * g.c, g.c);
        clearFloats(lower + (g.w - 1) * g.c, g.c);
      }
    }
  });
  for (long i = 0; i < g.c; ++i) {
    float sum = 0;
    for (long part = 0; part < parts; ++part) sum += sums[part * width + i];
    db[i] = sum;
  }
}

// Loops over memory: what a pass costs is how often it reads and writes, so everything that can be done to an element
// while it is here is done in the same pass.

// Elements that a thread takes at a time: a few microseconds of work.
enum : long { CHUNK = 16384 };

template <class Body>
static inline void parallelChunks(Team& team, long size, const Body& body) {
  parallel(team, ceilDiv(size, CHUNK), [&](long item, long) { body(item * CHUNK, least(size, (item + 1) * CHUNK)); });
}

// Rows of c values that a thread takes at a time.
static inline long rowsPerItem(long c) { return most(1, CHUNK / c); }

// z = dy where y > 0, else 0, and db = the sums of z over all rows: the way back through bias and ReLU. y may be null
// (no ReLU): then z is not written. The sums are made of one partial sum for every few rows, added in order.
static void reluBiasGradient(Team& team, long rows, long c, const float* dy, const float* y, float* z, float* db) {
  const long perItem = rowsPerItem(c), items = ceilDiv(rows, perItem);
  team.reserve(0, items * c);
  float* sums = team.shared();
  parallel(team, items, [&](long item, long) {
    float* sum = sums + item * c;
    clearFloats(sum, c);
    const long end = least(rows, (item + 1) * perItem);
    for (long r = item * perItem; r < end; ++r) {
      const float* in = dy + r * c;
      const float* passed = y == nullptr ? nullptr : y + r * c;
      float* out = y == nullptr ? nullptr : z + r * c;
      long i = 0;
      for (; i + LANES <= c; i += LANES) {
        Vec value = load(in + i);
        if (passed != nullptr) {
          value = load(passed + i) > Vec{} ? value : Vec{};
          store(out + i, value);
        }
        store(sum + i, load(sum + i) + value);
      }
      for (; i < c; ++i) {
        float value = in[i];
        if (passed != nullptr) out[i] = value = passed[i] > 0 ? value : 0;
        sum[i] += value;
      }
    }
  });
  for (long i = 0; i < c; ++i) {
    float sum = 0;
    for (long item = 0; item < items; ++item) sum += sums[item * c + i];
    db[i] = sum;
  }
}

// y = f(x) for every element; a and b are the limits of a clip, the slope of a step or the factor of a scale.
static void unary(Team& team, int op, long size, const float* x, float a, float b, float* y) {
  parallelChunks(team, size, [=](long from, long to) {
    const auto each = [&](auto f) {
      for (long i = from; i < to; ++i) y[i] = f(x[i]);
    };
    // Written so that NaN stays NaN, as in JavaScript's Math.max and Math.min.
    switch (op) {
      case UNARY_RELU: return each([](float v) { return v < 0 ? 0 : v; });
      case UNARY_RELU6: return each([](float v) { return v < 0 ? 0 : v > 6 ? 6 : v; });
      case UNARY_STEP: return each([=](float v) { return v > 0 ? 1 : v <= 0 ? a : v; });
      case UNARY_SQUARE: return each([](float v) { return v * v; });
      case UNARY_SQRT: return each([](float v) { return __builtin_sqrtf(v); });
      case UNARY_RSQRT: return each([](float v) { return 1 / __builtin_sqrtf(v); });
      case UNARY_NEG: return each([](float v) { return -v; });
      case UNARY_ABS: return each([](float v) { return __builtin_fabsf(v); });
      case UNARY_RECIPROCAL: return each([](float v) { return 1 / v; });
      case UNARY_CLIP: return each([=](float v) { return v < a ? a : v > b ? b : v; });
      case UNARY_SCALE: return each([=](float v) { return v * a; });
    }
  });
}

// y[i][j] = f(a, b) over [rows, c], where either factor is whole (row stride c, column stride 1), a row (0, 1), a
// column (1, 0) or a scalar (0, 0).
static void binary(Team& team, int op, long rows, long c, const float* a, long aRow, long aColumn, const float* b,
                   long bRow, long bColumn, float* y) {
  const auto span = [&](auto f, const float* p, const float* q, float* out, long count) {
    if (aColumn == 1 && bColumn == 1) {
      for (long i = 0; i < count; ++i) out[i] = f(p[i], q[i]);
    } else if (aColumn == 1) {
      const float right = *q;
      for (long i = 0; i < count; ++i) out[i] = f(p[i], right);
    } else if (bColumn == 1) {
      const float left = *p;
      for (long i = 0; i < count; ++i) out[i] = f(left, q[i]);
    } else {
      const float value = f(*p, *q);
      for (long i = 0; i < count; ++i) out[i] = value;
    }
  };
  const auto all = [&](auto f) {
    const long perRow = ceilDiv(c, CHUNK), perItem = perRow > 1 ? 1 : rowsPerItem(c);
    parallel(team, ceilDiv(rows, perItem) * perRow, [&](long item, long) {
      const long j = item % perRow * CHUNK, end = least(rows, (item / perRow + 1) * perItem);
      for (long r = item / perRow * perItem; r < end; ++r) {
        span(f, a + r * aRow + j * aColumn, b + r * bRow + j * bColumn, y + r * c + j, least(CHUNK, c - j));
      }
    });
  };
  switch (op) {
    case BINARY_ADD: return all([](float p, float q) { return p + q; });
    case BINARY_SUB: return all([](float p, float q) { return p - q; });
    case BINARY_MUL: return all([](float p, float q) { return p * q; });
    case BINARY_DIV: return all([](float p, float q) { return p / q; });
    case BINARY_MAXIMUM: return all([](float p, float q) { return p > q || p != p ? p : q; });
    case BINARY_MINIMUM: return all([](float p, float q) { return p < q || p != p ? p : q; });
    case BINARY_SQUARED_DIFFERENCE: return all([](float p, float q) { return (p - q) * (p - q); });
  }
}

// y [rows] from x [rows, c]: neighbours in memory. Sums of LANES interleaved parts, which also rounds less.
static void reduceRows(Team& team, int op, long rows, long c, const float* x, float scale, float* y) {
  const long perItem = rowsPerItem(c);
  parallel(team, ceilDiv(rows, perItem), [=](long item, long) {
    const long end = least(rows, (item + 1) * perItem);
    for (long r = item * perItem; r < end; ++r) {
      const float* in = x + r * c;
      if (op == REDUCE_MAX) {
        float best = in[0];
        for (long i = 1; i < c; ++i) best = in[i] > best || in[i] != in[i] ? in[i] : best;
        y[r] = best;
        continue;
      }
      // Long rows in pieces: a float32 sum of a million terms of one sign loses three digits.
      double total = 0;
      for (long from = 0; from < c; from += 4096) {
        const long to = least(c, from + 4096);
        Vec sums{};
        long i = from;
        for (; i + LANES <= to; i += LANES) sums += load(in + i);
        float sum = sumOf(sums);
        for (; i < to; ++i) sum += in[i];
        total += sum;
      }
      y[r] = static_cast<float>(total) * scale;
    }
  });
}

// y [c] = the sums of x [rows, c] over its rows, times scale.
static void sumColumns(Team& team, long rows, long c, const float* x, float scale, float* y) {
  reluBiasGradient(team, rows, c, x, nullptr, nullptr, y);
  for (long i = 0; i < c; ++i) y[i] *= scale;
}

// y [rows, c] = the soft-max of every row.
static void softmax(Team& team, long rows, long c, const float* x, float* y) {
  const long perItem = rowsPerItem(c * 8);
  parallel(team, ceilDiv(rows, perItem), [=](long item, long) {
    const long end = least(rows, (item + 1) * perItem);
    for (long r = item * perItem; r < end; ++r) {
      const float* in = x + r * c;
      float* out = y + r * c;
      float top = in[0];
      for (long i = 1; i < c; ++i) top = in[i] > top || in[i] != in[i] ? in[i] : top;
      double sum = 0;
      for (long i = 0; i < c; ++i) {
        out[i] = __builtin_expf(in[i] - top);
        sum += out[i];
      }
      const float factor = static_cast<float>(1 / sum);
      for (long i = 0; i < c; ++i) out[i] *= factor;
    }
  });
}

// y [columns, rows] = x [rows, columns] turned, for each of `count` matrices, in blocks that fit the first-level cache.
static void transpose(Team& team, long count, long rows, long columns, const float* x, float* y) {
  enum : long { SIDE = 32 };
  const long down = ceilDiv(rows, SIDE), across = ceilDiv(columns, SIDE);
  parallel(team, count * down, [=](long item, long) {
    const float* in = x + item / down * rows * columns;
    float* out = y + item / down * rows * columns;
    const long r0 = item % down * SIDE, r1 = least(rows, r0 + SIDE);
    for (long part = 0; part < across; ++part) {
      const long c0 = part * SIDE, c1 = least(columns, c0 + SIDE);
      for (long c = c0; c < c1; ++c) {
        for (long r = r0; r < r1; ++r) out[c * rows + r] = in[r * columns + c];
      }
    }
  });
}

// The innermost loop of every matrix product: a block of MR x NR results in registers.

constexpr long MR = VGG_MR, SR = VGG_SR, NV = VGG_NV, NR = VGG_NV * VGG_LANES;

// Columns of a left factor's panel: whole vectors, and whole blocks of a product's rows.
constexpr long VP = MR % LANES == 0 || LANES % MR == 0 ? (LANES > MR ? LANES : MR) : LANES * 3;
static_assert(VP % LANES == 0 && VP % MR == 0, "");

// c[r][j] (+)= sum over k of a[r][k] * b[k * ldb + j], for ROWS rows and NR columns.
// a: where each row starts; its k are neighbours in memory.
template <int ROWS>
__attribute__((noinline)) static void microRows(const float* const* a, const float* b, long ldb, long depth, float* c, long ldc, bool add) {
  Vec acc[ROWS][NV];
  const float* row[ROWS];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
    row[r] = a[r];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[r][j] = add ? load(c + r * ldc + j * LANES) : Vec{};
  }
#pragma GCC unroll 1
  for (long k = 0; k < depth; ++k) {
    Vec right[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) right[j] = load(b + j * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      const Vec left = splat(row[r][k]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[r][j] += left * right[j];
    }
    b += ldb;
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(c + r * ldc + j * LANES, acc[r][j]);
  }
}

// y[r][j] = sum over taps and k of a[r * lda + tap * aTap + k] * b[tap * bTap + k * NR + j], and bias and ReLU: a whole
// convolution of few channels, whose pixels lie `lda` apart, for ROWS pixels and NR channels.
template <int ROWS>
__attribute__((noinline)) static void microTaps(const float* a, long lda, long aTap, const float* b, long bTap, long taps,
                                                long depth, const float* bias, bool relu, float* y, long ldy) {
  Vec acc[ROWS][NV];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[r][j] = Vec{};
  }
  for (long tap = 0; tap < taps; ++tap) {
    const float* left = a + tap * aTap;
    const float* right = b + tap * bTap;
#pragma GCC unroll 1
    for (long k = 0; k < depth; ++k, ++left, right += NR) {
      Vec vector[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) vector[j] = load(right + j * LANES);
#pragma GCC unroll 16
      for (int r = 0; r < ROWS; ++r) {
        const Vec scalar = splat(left[r * lda]);
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[r][j] += scalar * vector[j];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) {
      const Vec value = acc[r][j] + (bias == nullptr ? Vec{} : load(bias + j * LANES));
      store(y + r * ldy + j * LANES, relu ? (value < Vec{} ? Vec{} : value) : value);
    }
  }
}

// The same for rows that lie `lda` apart, of which registers hold more, and b a panel. Meanwhile the cache is told of
// `ahead`, which moves by `step` floats for each k: what is multiplied next comes from far.
template <int ROWS>
__attribute__((noinline)) static void microStrided(const float* a, long lda, const float* b, long depth, float* c,
                                                   long ldc, bool add, const float* ahead, long step) {
  enum : int { GROUPS = (ROWS + 3) / 4 };
  Vec acc[ROWS][NV];
  const float* group[GROUPS];
#pragma GCC unroll 4
  for (int i = 0; i < GROUPS; ++i) group[i] = a + 4 * i * lda;
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[r][j] = add ? load(c + r * ldc + j * LANES) : Vec{};
  }
#pragma GCC unroll 1
  for (long k = 0; k < depth; ++k) {
    Vec right[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) right[j] = load(b + j * LANES);
    __builtin_prefetch(ahead, 0, 2);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      const Vec left = splat(group[r / 4][r % 4 * lda]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[r][j] += left * right[j];
    }
#pragma GCC unroll 4
    for (int i = 0; i < GROUPS; ++i) ++group[i];
    b += NR;
    ahead += step;
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(c + r * ldc + j * LANES, acc[r][j]);
  }
}

// The same for a whose rows are neighbours in memory: a[k * lda + r].
template <int ROWS>
__attribute__((noinline)) static void microColumns(const float* a, long lda, const float* b, long ldb, long depth, float* c, long ldc, bool add) {
  Vec acc[ROWS][NV];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[r][j] = add ? load(c + r * ldc + j * LANES) : Vec{};
  }
#pragma GCC unroll 1
  for (long k = 0; k < depth; ++k) {
    Vec right[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) right[j] = load(b + j * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      const Vec left = splat(a[r]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[r][j] += left * right[j];
    }
    a += lda;
    b += ldb;
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(c + r * ldc + j * LANES, acc[r][j]);
  }
}

// The same for panels of both factors, [k][VP] and [k][NR], with `ahead` as above.
template <int ROWS>
__attribute__((noinline)) static void microPanels(const float* a, const float* b, long depth, float* c, long ldc,
                                                  bool add, const float* ahead, long step) {
  Vec acc[ROWS][NV];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[r][j] = add ? load(c + r * ldc + j * LANES) : Vec{};
  }
#pragma GCC unroll 1
  for (long k = 0; k < depth; ++k) {
    Vec right[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) right[j] = load(b + j * LANES);
    __builtin_prefetch(ahead, 0, 2);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
      const Vec left = splat(a[r]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[r][j] += left * right[j];
    }
    a += VP;
    b += NR;
    ahead += step;
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(c + r * ldc + j * LANES, acc[r][j]);
  }
}

// 1 to MR rows: the last block of a matrix is rarely whole.
template <int ROWS = MR>
static inline void microRowsOf(long rows, const float* const* a, const float* b, long ldb, long depth, float* c,
                               long ldc, bool add) {
  if (rows == ROWS) {
    microRows<ROWS>(a, b, ldb, depth, c, ldc, add);
  } else if constexpr (ROWS > 1) {
    microRowsOf<ROWS - 1>(rows, a, b, ldb, depth, c, ldc, add);
  }
}

template <int ROWS = SR>
static inline void microStridedOf(long rows, const float* a, long lda, const float* b, long depth, float* c, long ldc,
                                  bool add, const float* ahead, long step) {
  if (rows == ROWS) {
    microStrided<ROWS>(a, lda, b, depth, c, ldc, add, ahead, step);
  } else if constexpr (ROWS > 1) {
    microStridedOf<ROWS - 1>(rows, a, lda, b, depth, c, ldc, add, ahead, step);
  }
}

template <int ROWS = (SR > MR ? SR : MR)>
static inline void microColumnsOf(long rows, const float* a, long lda, const float* b, long ldb, long depth, float* c,
                                  long ldc, bool add) {
  if (rows == ROWS) {
    microColumns<ROWS>(a, lda, b, ldb, depth, c, ldc, add);
  } else if constexpr (ROWS > 1) {
    microColumnsOf<ROWS - 1>(rows, a, lda, b, ldb, depth, c, ldc, add);
  }
}

template <int ROWS = MR>
static inline void microPanelsOf(long rows, const float* a, const float* b, long depth, float* c, long ldc, bool add,
                                 const float* ahead, long step) {
  if (rows == ROWS) {
    microPanels<ROWS>(a, b, depth, c, ldc, add, ahead, step);
  } else if constexpr (ROWS > 1) {
    microPanelsOf<ROWS - 1>(rows, a, b, depth, c, ldc, add, ahead, step);
  }
}

// c [rows, columns] (+)= a b, over the panels of NR columns of b; `next` is what is multiplied after them. between() is
// called before each of the tileSteps(rows, columns) blocks.
template <class Between>
static inline void multiplyTiles(const float* a, long lda, long rows, const float* b, long panelStride, const float* next,
                                 long depth, float* c, long ldc, long columns, bool add, const Between& between) {
  const long blocks = ceilDiv(rows, SR), step = ceilDiv(NR, blocks);
  for (long j = 0; j < columns; j += NR, b += panelStride) {
    // The next panel comes while this one is multiplied, a part with every block of rows.
    const float* ahead = j + NR < columns ? b + panelStride : next;
    for (long r = 0; r < rows; r += SR, ahead += depth * step) {
      between();
      microStridedOf(least(SR, rows - r), a + r * lda, lda, b, depth, c + r * ldc + j, ldc, add, ahead, step);
    }
  }
}
static inline long tileSteps(long rows, long columns) { return ceilDiv(rows, SR) * ceilDiv(columns, NR); }

template <int ROWS = MR>
static inline void microTapsOf(long rows, const float* a, long lda, long aTap, const float* b, long bTap, long taps,
                               long depth, const float* bias, bool relu, float* y, long ldy) {
  if (rows == ROWS) {
    microTaps<ROWS>(a, lda, aTap, b, bTap, taps, depth, bias, relu, y, ldy);
  } else if constexpr (ROWS > 1) {
    microTapsOf<ROWS - 1>(rows, a, lda, aTap, b, bTap, taps, depth, bias, relu, y, ldy);
  }
}

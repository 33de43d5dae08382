// The innermost loop of every matrix product: a block of MR x NR results in registers.

enum : long { MR = VGG_MR, NV = VGG_NV, NR = VGG_NV * VGG_LANES };

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

template <int ROWS = MR>
static inline void microColumnsOf(long rows, const float* a, long lda, const float* b, long ldb, long depth, float* c,
                                  long ldc, bool add) {
  if (rows == ROWS) {
    microColumns<ROWS>(a, lda, b, ldb, depth, c, ldc, add);
  } else if constexpr (ROWS > 1) {
    microColumnsOf<ROWS - 1>(rows, a, lda, b, ldb, depth, c, ldc, add);
  }
}

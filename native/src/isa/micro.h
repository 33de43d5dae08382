// The innermost loop of every matrix product: a block of a few rows and NR columns in registers.

constexpr long MR = VGG_MR, SR = VGG_SR, NV = VGG_NV, NR = VGG_NV * VGG_LANES;

// Columns of a left factor's panel: whole vectors, and whole blocks of a product's rows.
constexpr long VP = MR % LANES == 0 || LANES % MR == 0 ? (LANES > MR ? LANES : MR) : LANES * 3;
static_assert(VP % LANES == 0 && VP % MR == 0, "");

// A left factor: at(r) is its value in row r and the present column, next() goes on to the next column.

// Rows anywhere in memory.
template <int ROWS>
struct Rows {
  const float* row[ROWS];
  long k = 0;
  explicit Rows(const float* const* rows) {
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) row[r] = rows[r];
  }
  float at(int r) const { return row[r][k]; }
  void next() { ++k; }
};

// Rows that lie `stride` apart. One pointer for four of them: of a pointer each, registers hold fewer.
template <int ROWS>
struct Strided {
  enum : int { GROUPS = (ROWS + 3) / 4 };
  const float* group[GROUPS];
  long stride;
  Strided(const float* a, long stride) : stride(stride) {
#pragma GCC unroll 4
    for (int i = 0; i < GROUPS; ++i) group[i] = a + 4 * i * stride;
  }
  float at(int r) const { return group[r / 4][r % 4 * stride]; }
  void next() {
#pragma GCC unroll 4
    for (int i = 0; i < GROUPS; ++i) ++group[i];
  }
};

// Rows that are neighbours in memory, columns that lie `stride` apart: a transposed matrix, or a panel.
template <int ROWS>
struct Columns {
  const float* a;
  long stride;
  Columns(const float* a, long stride) : a(a), stride(stride) {}
  float at(int r) const { return a[r]; }
  void next() { a += stride; }
};

// What the cache is told of meanwhile, because it is multiplied next and comes from far.
struct Nothing {
  long part(long depth) const { return depth; }
  void fetch() {}
  void turn() {}
};

// Memory of which each step of a product asks for the next `step` floats.
struct Near {
  const float* address;
  long step;
  long part(long depth) const { return depth; }
  void fetch() {
    __builtin_prefetch(address, 0, 2);
    address += step;
  }
  void turn() {}
};

// Rows that are asked for in `steps` steps each, with `jump` floats from where one ends to where the next begins.
struct Apart {
  Near row;
  long steps, jump;
  long part(long) const { return steps; }
  void fetch() { row.fetch(); }
  void turn() { row.address += jump; }
};

struct Both {
  Near near;
  Apart apart;
  long part(long) const { return apart.steps; }
  void fetch() {
    near.fetch();
    apart.fetch();
  }
  void turn() { apart.turn(); }
};

// The next of some rows. Hidden from the compiler, which would compute where each of them is in advance, once for
// reading and once for writing, and push what the inner loop needs out of the registers.
template <class Pointer>
static inline Pointer nextRow(Pointer row, long stride) {
  row += stride;
  asm("" : "+r"(row));
  return row;
}

// c[r][j] (+)= sum over k of left(r, k) * b[k * ldb + j], for ROWS rows and NR columns.
template <int ROWS, class Left, class Ahead>
__attribute__((noinline)) static void micro(Left left, const float* b, long ldb, long depth, float* c, long ldc, bool add,
                                            Ahead ahead) {
  Vec acc[ROWS][NV];
  if (add) {
    const float* row = c;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r, row = nextRow(row, ldc)) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[r][j] = load(row + j * LANES);
    }
  } else {
    // So that the results need not wait for their places when they are written.
    const float* row = c;
#pragma GCC unroll 1
    for (int r = 0; r < ROWS; ++r, row += ldc) {
#pragma GCC unroll 4
      for (int j = 0; j < NR; j += 16) __builtin_prefetch(row + j, 1, 3);
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[r][j] = Vec{};
    }
  }
  for (long k = 0; k < depth; ahead.turn()) {
    const long end = least(depth, k + ahead.part(depth));
#pragma GCC unroll 1
    for (; k < end; ++k) {
      Vec right[NV];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) right[j] = load(b + j * LANES);
      ahead.fetch();
#pragma GCC unroll 16
      for (int r = 0; r < ROWS; ++r) {
        const Vec value = splat(left.at(r));
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[r][j] += value * right[j];
      }
      left.next();
      b += ldb;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; ++r, c = nextRow(c, ldc)) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(c + j * LANES, acc[r][j]);
  }
}

// The same for 1 to ROWS rows: the last block of a matrix is rarely whole. `source` and `stride` are what Left is of.
template <template <int> class Left, int ROWS, class Source, class Ahead, class... Stride>
static inline void microOf(long rows, const Source* source, const float* b, long ldb, long depth, float* c, long ldc,
                           bool add, const Ahead& ahead, Stride... stride) {
  if (rows == ROWS) {
    micro<ROWS>(Left<ROWS>(source, stride...), b, ldb, depth, c, ldc, add, ahead);
  } else if constexpr (ROWS > 1) {
    microOf<Left, ROWS - 1>(rows, source, b, ldb, depth, c, ldc, add, ahead, stride...);
  }
}

// c [rows, columns] (+)= a b, over the panels of NR columns of b, which lie `panelStride` apart; `next` is what is
// multiplied after them. with(Near) is called before each of the tileSteps(rows, columns) blocks and may add what else to
// ask for meanwhile.
template <class With>
static inline void multiplyTiles(const float* a, long lda, long rows, const float* b, long panelStride, const float* next,
                                 long depth, float* c, long ldc, long columns, bool add, const With& with) {
  const long blocks = ceilDiv(rows, SR), step = ceilDiv(NR, blocks);
  for (long j = 0; j < columns; j += NR, b += panelStride) {
    // The next panel comes while this one is multiplied, a part with every block of rows.
    const float* ahead = j + NR < columns ? b + panelStride : next;
    for (long r = 0; r < rows; r += SR, ahead += depth * step) {
      microOf<Strided, SR>(least(SR, rows - r), a + r * lda, b, NR, depth, c + r * ldc + j, ldc, add, with(Near{ahead, step}), lda);
    }
  }
}
static inline long tileSteps(long rows, long columns) { return ceilDiv(rows, SR) * ceilDiv(columns, NR); }

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

template <int ROWS = MR>
static inline void microTapsOf(long rows, const float* a, long lda, long aTap, const float* b, long bTap, long taps,
                               long depth, const float* bias, bool relu, float* y, long ldy) {
  if (rows == ROWS) {
    microTaps<ROWS>(a, lda, aTap, b, bTap, taps, depth, bias, relu, y, ldy);
  } else if constexpr (ROWS > 1) {
    microTapsOf<ROWS - 1>(rows, a, lda, aTap, b, bTap, taps, depth, bias, relu, y, ldy);
  }
}

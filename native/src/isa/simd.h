// Vectors of VGG_LANES floats in GCC's vector extensions. Included once by every instruction set's file, inside its
// namespace and after its target pragma; nothing here may come from the standard library, whose inline functions
// the linker would share between instruction sets.

typedef float Vec __attribute__((vector_size(VGG_LANES * 4)));
typedef float LooseVec __attribute__((vector_size(VGG_LANES * 4), aligned(4), may_alias));
typedef int IntVec __attribute__((vector_size(VGG_LANES * 4)));
typedef signed char ByteVec __attribute__((vector_size(VGG_LANES)));
typedef signed char LooseByteVec __attribute__((vector_size(VGG_LANES), aligned(1), may_alias));

constexpr long LANES = VGG_LANES;

static inline Vec load(const float* p) { return *reinterpret_cast<const LooseVec*>(p); }
static inline void store(float* p, Vec v) { *reinterpret_cast<LooseVec*>(p) = v; }
// Small whole numbers, one byte each.
static inline IntVec loadBytes(const unsigned char* p) {
  return __builtin_convertvector(static_cast<ByteVec>(*reinterpret_cast<const LooseByteVec*>(p)), IntVec);
}
static inline void storeBytes(unsigned char* p, IntVec v) {
  *reinterpret_cast<LooseByteVec*>(p) = __builtin_convertvector(v, ByteVec);
}
// x - 0 is x for every x, -0 included, so that this is one broadcast.
static inline Vec splat(float x) { return x - Vec{}; }
static inline Vec maximum(Vec a, Vec b) { return a > b ? a : b; }
static inline long least(long a, long b) { return a < b ? a : b; }
static inline long most(long a, long b) { return a > b ? a : b; }
static inline long ceilDiv(long a, long b) { return (a + b - 1) / b; }

// a * b + c, rounded once where the machine has FMA (GCC contracts it).
static inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }

static inline float sumOf(Vec v) {
  float sum = 0;
  for (long i = 0; i < LANES; ++i) sum += v[i];
  return sum;
}

static inline void copyFloats(float* to, const float* from, long count) {
  __builtin_memcpy(to, from, count * sizeof(float));
}
static inline void clearFloats(float* to, long count) { __builtin_memset(to, 0, count * sizeof(float)); }

// Turns LANES x LANES values: blocks of one, then of two, ... change places across the diagonal.
static inline void turn(Vec (&rows)[LANES]) {
#if defined(__clang__)
  Vec turned[LANES];
  for (long i = 0; i < LANES; ++i) {
    for (long j = 0; j < LANES; ++j) turned[j][i] = rows[i][j];
  }
  for (long i = 0; i < LANES; ++i) rows[i] = turned[i];
#else
#pragma GCC unroll 4
  for (int side = 1; side < LANES; side *= 2) {
    IntVec first{}, second{};
    for (int lane = 0; lane < LANES; ++lane) {
      const bool far = (lane & side) != 0;
      first[lane] = far ? LANES + lane - side : lane;
      second[lane] = far ? LANES + lane : lane + side;
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) {
      if ((i & side) != 0) continue;
      const Vec a = rows[i], b = rows[i + side];
      rows[i] = __builtin_shuffle(a, b, first);
      rows[i + side] = __builtin_shuffle(a, b, second);
    }
  }
#endif
}

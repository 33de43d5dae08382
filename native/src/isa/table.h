// Every kernel of one instruction set, in one table.

static bool winogradFits(const Convolution& g) {
  const Tiles tiles(g);
  return g.kh == 3 && g.kw == 3 && g.strideY == 1 && g.strideX == 1 && g.dilationY == 1 && g.dilationX == 1 &&
         g.ci >= 32 && g.co >= 32 && g.ci % LANES == 0 && g.co % LANES == 0 &&
         // Results that the last tiles compute in vain.
         10 * tiles.total * TILE * TILE < 16 * g.n * g.oh * g.ow;
}

static void pack(Team& team, const Convolution& g, bool winograd, bool backward, const float* w, float* packed) {
  if (winograd) {
    if (backward) return winogradPackBackward(team, w, g.co, g.ci, packed);
    return winogradPackForward(team, w, g.ci, g.co, packed);
  }
  if (backward) return directPackBackward(team, w, g.kh, g.kw, g.co, g.ci, packed);
  return directPackForward(team, w, g.kh, g.kw, g.ci, g.co, packed);
}

static void convolve(Team& team, const Convolution& g, bool winograd, const float* x, const float* packed,
                     const Epilogue& after, float* y) {
  return (winograd ? winogradForward : directForward)(team, g, x, packed, after, y);
}

static void filterGradient(Team& team, const Convolution& g, bool winograd, const float* x, const float* dy,
                           float* dw) {
  return (winograd ? winogradFilterGradient : directFilterGradient)(team, g, x, dy, dw);
}

static void dense(Team& team, long rows, long inputs, long outputs, const float* x, const float* w, const float* bias,
                  bool relu, float* y) {
  return (rows <= 4 ? denseForwardFew : denseForward)(team, rows, inputs, outputs, x, w, bias, relu, y);
}

static void normalize(Team& team, const Images& g, const float* x, const float* scale, const float* shift, bool relu,
                      bool pool, float* y) {
  if (pool) return scaleShiftPool(team, g, x, scale, shift, relu, y);
  return scaleShift(team, g.rows(), g.c, x, scale, shift, relu, y);
}

static float peak(Team& team, long rounds) {
  team.reserve(0, team.size());
  float* results = team.shared();
  parallel(team, team.size(), [&](long item, long) {
    enum : int { CHAINS = 12 };
    Vec sums[CHAINS];
    for (int i = 0; i < CHAINS; ++i) sums[i] = splat(static_cast<float>(i));
    const Vec factor = splat(0.999f), term = splat(0.1f);
    for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
      for (int i = 0; i < CHAINS; ++i) sums[i] = sums[i] * factor + term;
    }
    for (int i = 1; i < CHAINS; ++i) sums[0] += sums[i];
    results[item] = sumOf(sums[0]);
  });
  float total = 0;
  for (long item = 0; item < team.size(); ++item) total += results[item];
  return total;
}

static constexpr Kernels TABLE = {
    VGG_NAME,        LANES,  NR,           winogradFits,        pack,           convolve,          filterGradient,
    dense,           denseInputGradient, denseWeightGradient, reluBiasGradient, unary,     binary,
    reduceRows,      sumColumns,   softmax,             transpose,      channelMoments,    normalize,
    batchNormGradient, poolForward, maxPoolGradient,    averagePoolGradient, unpoolBiasGradient, dropout, dropoutGradient,
    sgdStep,      adamStep,
    crossEntropy,    peak,
};

// Batch normalisation, and the ReLU and the 2x2 max-pool behind it.
#include <cmath>

#include "check.h"

namespace {

void checkMoments(const std::string& kernel, long rows, long c, const Floats& x, double tolerance) {
  const reference::Moments moments = reference::channelMoments(rows, c, x);
  Check both{kernel, text({rows, c}), tolerance, {moments.mean, moments.variance}, [&](Run& run) {
               run.kernels.channelMoments(run.team, rows, c, x.data(), run.out(0), run.out(1));
             }};
  // A variance of zero is not computed as exactly that.
  both.least = 1e-6;
  check(both);
}

// The numbers of one layer. Products and sums of them are exact in float32, so that which of a block is largest, and
// whether it is positive, is not a matter of rounding.
struct Layer {
  Floats x, dy, scale, shift, mean, inverse;
  Layer(const Images& g, bool pool, Random& random)
      : x(random.steps(g.rows() * g.c, 9, 0.125f)),
        dy(random.values(pool ? g.n * (g.h / 2) * (g.w / 2) * g.c : g.rows() * g.c)),
        scale(random.steps(g.c, 8, 0.25f)),
        shift(random.steps(g.c, 16, 1.0f / 64)),
        mean(random.values(g.c)),
        inverse(random.values(g.c)) {}
};

void checkLayer(const Images& g, const Layer& layer, bool relu, bool pool) {
  const std::string shape = text({g.n, g.h, g.w, g.c}) + (relu ? ", ReLU" : "") + (pool ? ", pool" : "");
  check({pool ? "scaleShift, pool" : "scaleShift", shape, TOLERANCE,
         {reference::scaleShift(g, layer.x, layer.scale, layer.shift, relu, pool)}, [&](Run& run) {
           run.kernels.scaleShift(run.team, g, layer.x.data(), layer.scale.data(), layer.shift.data(), relu, pool,
                                  run.out(0));
         }});
  const NormalizedWay way{g, relu, pool, layer.x.data(), layer.dy.data(), layer.scale.data(), layer.shift.data()};
  const reference::NormGradient gradient = reference::batchNormGradient(way, layer.mean, layer.inverse);
  check({pool ? "batchNormGradient, pool" : "batchNormGradient", shape, TOLERANCE,
         {gradient.dgamma, gradient.dbeta, gradient.dx}, [&](Run& run) {
           run.kernels.batchNormGradient(run.team, way, layer.mean.data(), layer.inverse.data(), run.out(0), run.out(1),
                                         run.out(2));
         }});
}

void testMoments(Random& random) {
  const long shapes[][2] = {{1, 1},   {1, 33},  {2, 3},     {77, 16},  {100, 17}, {1000, 64},
                            {3, 515}, {4097, 1}, {20000, 3}, {700, 31}, {5, 5000}};
  for (const auto& [rows, c] : shapes) {
    Floats x = random.values(rows * c);
    checkMoments("channelMoments", rows, c, x, TOLERANCE);
    // Means of up to 350 times the deviation: float32 has the values themselves to 5e-5 of it, and the formula for the
    // variance that subtracts a square of the mean would have nothing right.
    for (size_t i = 0; i < x.size(); ++i) x[i] += static_cast<float>(100 * (i % c % 3));
    checkMoments("channelMoments, far from zero", rows, c, x, 2e-5);
  }
  checkMoments("channelMoments", 300, 21, Floats(300 * 21, 0.1f), TOLERANCE);
}

void testLayers(Random& random) {
  const Images shapes[] = {{1, 1, 1, 1},  {1, 1, 1, 33},  {3, 1, 5, 7},  {2, 5, 1, 16},  {2, 2, 2, 17},  {1, 3, 3, 48},
                           {2, 7, 6, 31}, {3, 6, 7, 64},  {1, 8, 8, 65}, {2, 16, 16, 3}, {1, 40, 33, 1}, {9, 4, 4, 512},
                           {70, 2, 3, 9}, {1, 2, 50, 130}};
  for (const Images& g : shapes) {
    for (const bool relu : {false, true}) {
      for (const bool pool : {false, true}) checkLayer(g, Layer(g, pool, random), relu, pool);
    }
  }
  for (long i = 0; i < (few ? 5 : 30); ++i) {
    const Images g{random.between(1, 5), random.between(1, 13), random.between(1, 13), random.between(1, 70)};
    const bool relu = random.chance(), pool = random.chance();
    checkLayer(g, Layer(g, pool, random), relu, pool);
  }
}

// Blocks of equal values: the gradient is the first one's, all of it.
void testTies(Random& random) {
  const Images g{2, 6, 6, 37};
  for (const bool relu : {false, true}) {
    Layer layer(g, true, random);
    layer.x.assign(layer.x.size(), 0);
    checkLayer(g, layer, relu, true);
    layer.x = random.steps(g.rows() * g.c, 1, 1);
    checkLayer(g, layer, relu, true);
  }
}

void testNaN(Random& random) {
  const Images g{2, 4, 6, 37};
  for (const bool pool : {false, true}) {
    Layer layer(g, pool, random);
    for (size_t i = 0; i < layer.x.size(); i += 11) layer.x[i] = std::nanf("");
    check({pool ? "scaleShift, pool" : "scaleShift", "NaN", TOLERANCE,
           {reference::scaleShift(g, layer.x, layer.scale, layer.shift, true, pool)}, [&](Run& run) {
             run.kernels.scaleShift(run.team, g, layer.x.data(), layer.scale.data(), layer.shift.data(), true, pool,
                                    run.out(0));
           }});
  }
}

}  // namespace

void testNormalization() {
  Random random(6);
  testMoments(random);
  testLayers(random);
  testTies(random);
  testNaN(random);
}

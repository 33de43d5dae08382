// Winograd's algorithm, for the geometries that it is meant for: each is checked the direct way as well.
#include "convolution_cases.h"

namespace {

Convolution same(Shape images, long co) { return convolution(images, {3, 3}, co, {1, 1}, {1, 1}, {1, 1, 1, 1}); }

void checkAll(const Convolution& g, Random& random) {
  checkForward(g, random, random.chance(), random.chance());
  checkFilterGradient(g, random);
  checkImageGradient(g, random);
}

// Channels that are multiples of 4, 8 and 16, but seldom of a panel; images that are seldom multiples of a tile.
void testAny(Random& random) {
  const std::vector<long> sides = {3, 4, 7, 8, 11, 12, 14, 15, 16, 19}, channels = {32, 36, 40, 44, 48, 64, 72, 80, 112};
  for (long i = 0; i < (few ? 8 : 40); ++i) {
    const long pad = random.between(0, 2), side = random.oneOf(sides) + 2 - 2 * pad;
    const Shape images{random.between(1, 3), std::max(3L, side), std::max(3L, random.oneOf(sides)),
                       random.oneOf(channels)};
    // Not the same on all sides.
    const Pads pads{pad, pad, random.between(0, 2), random.between(0, 2)};
    checkAll(convolution(images, {3, 3}, random.oneOf(channels), {1, 1}, {1, 1}, pads), random);
  }
}

// One instruction set's vectors after the other, so that each has cases that only just fit it.
void testRests(Random& random) {
  for (const long ci : {32, 36, 40, 48}) {
    for (const long co : {32, 36, 40, 48, 68, 72, 80, 144}) {
      if (few && ci + 4 != co && co != 144) continue;
      checkAll(same({1, 4, 7, ci}, co), random);
    }
  }
}

void testLarge(Random& random) {
  // More tiles than fit the second-level cache, once with few and once with many weights.
  checkAll(same({3, 28, 28, 32}, 32), random);
  checkAll(same({1, 14, 14, 128}, 176), random);
  // The last of VGG's layers has few pixels and many channels.
  checkAll(same({1, 4, 4, 512}, 128), random);
  // More weights than a cache holds: all threads compute the patches of few tiles first, here 12. The last of the threads'
  // blocks of channels is smaller than the others.
  checkAll(same({1, 7, 21, 368}, 336), random);
  if (few) return;
  checkAll(same({8, 16, 16, 64}, 64), random);
  // The gradient of a large filter in more than one part: about 680 tiles at a time.
  checkFilterGradient(same({3, 60, 63, 32}, 144), random);
}

// Of one image NaN, of the other nothing: a tile's numbers are mixed.
void testNaN(Random& random) {
  const Convolution g = same({2, 8, 7, 32}, 32);
  Floats x = random.values(g.n * g.h * g.w * g.ci);
  for (size_t i = 0; i < x.size() / 2; ++i) x[i] = std::nanf("");
  checkForwardOf(g, x, random, true, true);
}

}  // namespace

void testWinograd() {
  Random random(2);
  testAny(random);
  testRests(random);
  testLarge(random);
  testNaN(random);
}

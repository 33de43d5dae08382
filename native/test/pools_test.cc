// Pools over windows of any kind.
#include <cmath>
#include <limits>

#include "check.h"

namespace {

PoolWindow window(long n, long h, long w, long c, long kh, long kw, long strideY, long strideX, long padTop,
                  long padLeft, long padBottom, long padRight) {
  const long oh = (h + padTop + padBottom - kh) / strideY + 1, ow = (w + padLeft + padRight - kw) / strideX + 1;
  return {n, h, w, c, kh, kw, strideY, strideX, padTop, padLeft, oh, ow};
}

void checkMaximum(const PoolWindow& g, const Floats& x, const Floats& dy, double tolerance) {
  check({"max-pool", text(g), EXACT, {reference::pool(g, false, x)},
         [&](Run& run) { run.kernels.poolForward(run.team, g, false, x.data(), run.out(0)); }});
  check({"maxPoolGradient", text(g), tolerance, {reference::maxPoolGradient(g, x, dy)},
         [&](Run& run) { run.kernels.maxPoolGradient(run.team, g, x.data(), dy.data(), run.out(0)); }});
}

void checkPool(const PoolWindow& g, Random& random) {
  const Floats x = random.values(g.n * g.h * g.w * g.c), dy = random.values(g.n * g.oh * g.ow * g.c);
  checkMaximum(g, x, dy, TOLERANCE);
  check({"average pool", text(g), TOLERANCE, {reference::pool(g, true, x)},
         [&](Run& run) { run.kernels.poolForward(run.team, g, true, x.data(), run.out(0)); }});
  check({"averagePoolGradient", text(g), TOLERANCE, {reference::averagePoolGradient(g, dy)},
         [&](Run& run) { run.kernels.averagePoolGradient(run.team, g, dy.data(), run.out(0)); }});
}

// Whole numbers for dy: sums of them are exact, so that a gradient at the wrong one of equals shows whatever it is.
void checkTies(const PoolWindow& g, const Floats& x, Random& random) {
  checkMaximum(g, x, random.steps(g.n * g.oh * g.ow * g.c, 99, 1), EXACT);
}

void checkUnpool(const Images& g, Random& random) {
  const long pooled = g.n * (g.h / 2) * (g.w / 2) * g.c;
  const Floats dy = random.values(pooled);
  std::vector<unsigned char> places(pooled);
  for (unsigned char& place : places) place = static_cast<unsigned char>(random.between(0, PLACE_NONE));
  Values z(g.rows() * g.c), db(g.c);
  for (long i = 0; i < pooled; ++i) {
    const long c = i % g.c, x = i / g.c % (g.w / 2), y = i / g.c / (g.w / 2) % (g.h / 2), n = i / g.c / (g.w / 2) / (g.h / 2);
    if (places[i] == PLACE_NONE) continue;
    z[((n * g.h + 2 * y + places[i] / 2) * g.w + 2 * x + places[i] % 2) * g.c + c] = dy[i];
    db[c] += dy[i];
  }
  check({"unpoolBiasGradient", text({g.n, g.h, g.w, g.c}), TOLERANCE, {z, db}, [&](Run& run) {
           run.kernels.unpoolBiasGradient(run.team, g, dy.data(), places.data(), run.out(0), run.out(1));
         }, {}, nullptr, 1});
}

}  // namespace

void testPools() {
  Random random(7);
  const PoolWindow windows[] = {
      window(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
      window(1, 1, 1, 33, 2, 2, 2, 2, 0, 0, 1, 1),
      window(2, 8, 6, 64, 2, 2, 2, 2, 0, 0, 0, 0),
      window(2, 7, 9, 17, 2, 2, 2, 2, 0, 0, 0, 0),
      // Windows that overlap, with and without padding; that leave pixels out; the whole image.
      window(3, 9, 9, 5, 3, 3, 2, 2, 1, 1, 1, 1),
      window(2, 7, 7, 16, 3, 3, 1, 1, 1, 1, 1, 1),
      window(2, 9, 10, 3, 2, 1, 3, 4, 0, 0, 0, 0),
      window(2, 7, 7, 130, 7, 7, 7, 7, 0, 0, 0, 0),
      window(1, 3, 2, 9, 5, 5, 1, 1, 3, 2, 2, 3),
      // More padding than a window is wide: some see nothing.
      window(2, 3, 3, 4, 2, 2, 1, 1, 3, 3, 3, 3),
      window(1, 2, 5, 4, 1, 2, 2, 1, 0, 4, 0, 4),
  };
  for (const PoolWindow& g : windows) checkPool(g, random);
  for (const Images& g : {Images{1, 2, 2, 1}, Images{2, 3, 3, 17}, Images{3, 8, 6, 64}, Images{1, 5, 4, 33},
                          Images{40, 7, 9, 16}, Images{1, 4, 5, 130}}) {
    checkUnpool(g, random);
  }
  for (long i = 0; i < (few ? 10 : 60); ++i) {
    const long kh = random.between(1, 4), kw = random.between(1, 4);
    checkPool(window(random.between(1, 4), random.between(kh, 12), random.between(kw, 12), random.between(1, 40), kh,
                     kw, random.between(1, 4), random.between(1, 4), random.between(0, kh - 1),
                     random.between(0, kw - 1), random.between(0, kh - 1), random.between(0, kw - 1)),
              random);
  }
  for (const PoolWindow& g : windows) {
    const long size = g.n * g.h * g.w * g.c;
    checkTies(g, Floats(size, 0), random);
    checkTies(g, random.steps(size, 1, 1), random);
    // NaN and -infinity never win; a window full of them has no gradient.
    Floats x = random.steps(size, 1, 1);
    for (float& v : x) {
      const long kind = random.between(0, 3);
      if (kind < 2) v = kind == 0 ? std::nanf("") : -std::numeric_limits<float>::infinity();
    }
    checkTies(g, x, random);
  }
}

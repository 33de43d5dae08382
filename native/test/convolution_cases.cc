#include "convolution_cases.h"

#include <cmath>

Convolution convolution(Shape images, Pair filter, long co, Pair strides, Pair dilations, Pads pads) {
  const long height = (images.h - 1) * dilations.y + 1 + pads.top + pads.bottom - filter.y;
  const long width = (images.w - 1) * dilations.x + 1 + pads.left + pads.right - filter.x;
  const Convolution g{images.n,    images.h,    images.w, images.c, filter.y,
                      filter.x,    strides.y,   strides.x, dilations.y, dilations.x,
                      pads.top,    pads.left,   height / strides.y + 1, width / strides.x + 1, co};
  expect("a result for " + text(g), height >= 0 && width >= 0);
  return g;
}

Convolution backward(const Convolution& g) {
  return {g.n, g.oh, g.ow, g.co, g.kh, g.kw, 1, 1, g.strideY, g.strideX, g.kh - 1 - g.padTop, g.kw - 1 - g.padLeft,
          g.h, g.w, g.ci};
}

namespace {

long imageLength(const Convolution& g) { return g.n * g.h * g.w * g.ci; }
long resultLength(const Convolution& g) { return g.n * g.oh * g.ow * g.co; }
long filterLength(const Convolution& g) { return g.kh * g.kw * g.ci * g.co; }

// The check of `kernel`, done directly and by Winograd's algorithm where that fits the geometry g.
template <class Call>
void checkBoth(const std::string& kernel, const Convolution& g, const std::string& shape, const Values& expected,
               const Call& call) {
  check({kernel + ", direct", shape, TOLERANCE, {expected}, [&](Run& run) { call(run, false); }});
  // Not to have a line for it where no instruction set fits.
  bool fits = false;
  for (const Kernels* kernels : instructionSets().at) fits = fits || (kernels != nullptr && kernels->winogradFits(g));
  if (!fits) return;
  check({kernel + ", Winograd", shape, WINOGRAD_TOLERANCE, {expected}, [&](Run& run) { call(run, true); }, {},
         [&](const Kernels& kernels) { return kernels.winogradFits(g); }});
}

Floats toFloats(const Values& values) { return Floats(values.begin(), values.end()); }

// Whether each place is that of the first of the largest in its block of the full results. Not for NaN.
bool placesAreRight(const Convolution& g, const float* full, const float* pooled,
                    const std::vector<unsigned char>& places, bool relu) {
  for (long i = 0; i < static_cast<long>(places.size()); ++i) {
    const long o = i % g.co, column = i / g.co % (g.ow / 2), row = i / g.co / (g.ow / 2) % (g.oh / 2);
    const long image = i / g.co / (g.ow / 2) / (g.oh / 2);
    int first = 0;
    float block[4];
    for (int k = 0; k < 4; ++k) {
      block[k] = full[((image * g.oh + 2 * row + k / 2) * g.ow + 2 * column + k % 2) * g.co + o];
      if (block[k] > block[first]) first = k;
    }
    if (std::isnan(block[0] + block[1] + block[2] + block[3])) continue;
    if (relu && block[first] == 0) first = PLACE_NONE;
    if (places[i] != first || pooled[i] != block[first % 4]) return false;
  }
  return true;
}

}  // namespace

void checkForward(const Convolution& g, Random& random, bool bias, bool relu) {
  checkForwardOf(g, random.values(imageLength(g)), random, bias, relu);
}

void checkForwardOf(const Convolution& g, const Floats& x, Random& random, bool bias, bool relu) {
  const Floats w = random.values(filterLength(g)), b = random.values(bias ? g.co : 0);
  const std::string shape = text(g) + (bias ? ", bias" : "") + (relu ? ", ReLU" : "");
  checkBoth("convolve", g, shape, reference::convolve(g, x, w, b, relu), [&](Run& run, bool winograd) {
    float* packed = run.scratch(packedLength(run.kernels, g, winograd));
    run.kernels.pack(run.team, g, winograd, false, w.data(), packed);
    run.kernels.convolve(run.team, g, winograd, x.data(), packed,
                         {bias ? b.data() : nullptr, relu, nullptr}, run.out(0));
  });
  if (g.oh < 2 || g.ow < 2) return;
  // NaN wins, as where batch norm comes before the pool.
  const Values pooled = reference::scaleShift({g.n, g.oh, g.ow, g.co}, toFloats(reference::convolve(g, x, w, b, relu)),
                                              Floats(g.co, 1), Floats(g.co, 0), false, true);
  // The places must be right for the results of the same kernel: those of the reference may differ in a near tie.
  checkBoth("convolve, pool", g, shape, pooled, [&](Run& run, bool winograd) {
    float* packed = run.scratch(packedLength(run.kernels, g, winograd));
    float* full = run.scratch(resultLength(g));
    std::vector<unsigned char> places(pooled.size());
    run.kernels.pack(run.team, g, winograd, false, w.data(), packed);
    const float* shift = bias ? b.data() : nullptr;
    run.kernels.convolve(run.team, g, winograd, x.data(), packed, {shift, relu, nullptr}, full);
    run.kernels.convolve(run.team, g, winograd, x.data(), packed, {shift, relu, places.data()}, run.out(0));
    if (!placesAreRight(g, full, run.out(0), places, relu)) run.out(0)[0] = std::nanf("");
  });
}

void checkFilterGradient(const Convolution& g, Random& random) {
  const Floats x = random.values(imageLength(g)), dy = random.values(resultLength(g));
  checkBoth("filterGradient", g, text(g), reference::filterGradient(g, x, dy), [&](Run& run, bool winograd) {
    run.kernels.filterGradient(run.team, g, winograd, x.data(), dy.data(), run.out(0));
  });
}

void checkImageGradient(const Convolution& g, Random& random) {
  const Floats w = random.values(filterLength(g)), dy = random.values(resultLength(g));
  const Convolution back = backward(g);
  checkBoth("image gradient", back, text(g), reference::imageGradient(g, dy, w), [&](Run& run, bool winograd) {
    float* packed = run.scratch(packedLength(run.kernels, back, winograd));
    run.kernels.pack(run.team, back, winograd, true, w.data(), packed);
    run.kernels.convolve(run.team, back, winograd, dy.data(), packed, {nullptr, false, nullptr}, run.out(0));
  });
}

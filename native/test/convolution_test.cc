// Direct convolution and its gradients, for filters, strides and paddings of any kind.
#include "convolution_cases.h"

namespace {

const std::vector<long> INPUT_CHANNELS = {1, 2, 3, 5, 8, 16, 17, 31, 33, 64, 67};
// Around the widths of the panels: 8, 16 and 32.
const std::vector<long> OUTPUT_CHANNELS = {1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 65, 97};

void testNamed(Random& random) {
  const Convolution geometries[] = {
      // One pixel, one channel; a filter larger than the image.
      convolution({1, 1, 1, 1}, {1, 1}, 1, {1, 1}, {1, 1}, {}),
      convolution({1, 1, 1, 3}, {3, 3}, 1, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      convolution({1, 1, 1, 64}, {3, 3}, 33, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      convolution({2, 3, 2, 5}, {5, 7}, 9, {1, 1}, {1, 1}, {2, 3, 2, 3}),
      // The first layers of VGG and of ResNet.
      convolution({2, 32, 32, 3}, {3, 3}, 64, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      convolution({1, 23, 21, 3}, {7, 7}, 20, {2, 2}, {1, 1}, {3, 3, 3, 3}),
      // 1x1 in place, with steps, and with padding, where it cannot be in place.
      convolution({2, 7, 5, 33}, {1, 1}, 17, {1, 1}, {1, 1}, {}),
      convolution({2, 7, 6, 16}, {1, 1}, 40, {2, 3}, {1, 1}, {}),
      convolution({1, 4, 4, 5}, {1, 1}, 16, {1, 1}, {1, 1}, {1, 2, 0, 1}),
      convolution({1, 4, 4, 5}, {1, 1}, 16, {2, 2}, {2, 2}, {}),
      // Rows longer than a band of pixels, exactly one band, and many images in one.
      convolution({1, 3, 130, 2}, {3, 3}, 10, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      convolution({2, 4, 96, 3}, {3, 3}, 8, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      convolution({2, 5, 48, 3}, {3, 3}, 8, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      convolution({50, 2, 3, 4}, {3, 3}, 12, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      // Steps longer than the filter; steps that leave pixels out at the end.
      convolution({2, 11, 10, 7}, {2, 2}, 18, {3, 4}, {1, 1}, {}),
      convolution({2, 8, 8, 7}, {3, 3}, 18, {2, 2}, {1, 1}, {0, 0, 1, 1}),
      // Zeros between the pixels, alone and with everything else.
      convolution({2, 4, 5, 6}, {3, 3}, 20, {1, 1}, {2, 2}, {1, 1, 2, 2}),
      convolution({2, 5, 4, 6}, {4, 3}, 20, {2, 1}, {3, 2}, {3, 2, 1, 0}),
      // More padding than the filter is wide, so that results see nothing but zeros; less than none.
      convolution({1, 3, 3, 4}, {1, 1}, 9, {1, 1}, {1, 1}, {4, 4, 4, 4}),
      convolution({1, 1, 1, 4}, {2, 2}, 9, {3, 3}, {1, 1}, {5, 7, 5, 0}),
      convolution({1, 9, 9, 4}, {3, 3}, 9, {1, 1}, {1, 1}, {-1, -2, 1, -2}),
      // Many channels.
      convolution({1, 3, 3, 515}, {3, 3}, 130, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      // Many weights, of few pixels; many pixels for few weights.
      convolution({1, 2, 2, 130}, {3, 3}, 260, {1, 1}, {1, 1}, {1, 1, 1, 1}),
      convolution({3, 40, 41, 1}, {3, 3}, 2, {1, 1}, {1, 1}, {1, 1, 1, 1}),
  };
  long i = 0;
  for (const Convolution& g : geometries) {
    const bool bias = i % 2 == 0, relu = i % 4 < 2;
    ++i;
    checkForward(g, random, bias, relu);
    if (g.dilationY != 1 || g.dilationX != 1) continue;
    checkFilterGradient(g, random);
    checkImageGradient(g, random);
  }
}

// Every number of rows of the innermost loop, for every rest of a panel.
void testRests(Random& random) {
  for (const long co : OUTPUT_CHANNELS) {
    for (long pixels = 1; pixels <= (few ? 3 : 9); ++pixels) {
      const Convolution g = convolution({1, 1, pixels, random.between(1, 9)}, {1, 3}, co, {1, 1}, {1, 1}, {0, 1, 0, 1});
      checkForward(g, random, random.chance(), random.chance());
      checkFilterGradient(g, random);
      checkImageGradient(g, random);
    }
  }
}

void testAny(Random& random) {
  for (long i = 0; i < (few ? 30 : 150); ++i) {
    const long kh = random.between(1, 5), kw = random.between(1, 5);
    const bool holes = random.between(0, 3) == 0;
    const long dilationY = holes ? random.between(1, 3) : 1, dilationX = holes ? random.between(1, 3) : 1;
    // As large as the filter at least.
    const Shape images{random.between(1, 5), random.between(1, 12), random.between(1, 12), random.oneOf(INPUT_CHANNELS)};
    Pads pads{random.between(0, kh - 1), random.between(0, kw - 1), random.between(0, kh - 1), random.between(0, kw - 1)};
    pads.bottom += std::max(0L, kh - (images.h - 1) * dilationY - 1 - pads.top - pads.bottom);
    pads.right += std::max(0L, kw - (images.w - 1) * dilationX - 1 - pads.left - pads.right);
    const Convolution g = convolution(images, {kh, kw}, random.oneOf(OUTPUT_CHANNELS),
                                      {random.between(1, 3), random.between(1, 3)}, {dilationY, dilationX}, pads);
    checkForward(g, random, random.chance(), random.chance());
    if (holes) continue;
    checkFilterGradient(g, random);
    checkImageGradient(g, random);
  }
}

// Scratch memory that does not exist: nothing is written, and the next call works.
void testNoMemory(Random& random) {
  Convolution g = convolution({1, 3, 3, 4}, {3, 3}, 8, {1, 1}, {1, 1}, {1, 1, 1, 1});
  g.oh = 90, g.ow = 1, g.strideY = 1L << 36;
  const Floats x = random.values(36), w = random.values(9 * 4 * 8);
  const Values untouched(g.oh * g.co, std::nan(""));
  check({"convolve, without memory", text(g), EXACT, {untouched}, [&](Run& run) {
           float* packed = run.scratch(packedLength(run.kernels, g, false));
           run.kernels.pack(run.team, g, false, false, w.data(), packed);
           bool thrown = false;
           try {
             run.kernels.convolve(run.team, g, false, x.data(), packed, {nullptr, false, nullptr}, run.out(0));
           } catch (const std::bad_alloc&) {
             thrown = true;
           }
           if (!thrown) run.out(0)[0] = 0;
         }});
}

void testNaN(Random& random) {
  const Convolution g = convolution({2, 5, 5, 3}, {3, 3}, 21, {1, 1}, {1, 1}, {1, 1, 1, 1});
  Floats x = random.values(g.n * g.h * g.w * g.ci);
  x[31] = std::nanf("");
  checkForwardOf(g, x, random, true, true);
}

}  // namespace

void testConvolutions() {
  Random random(1);
  testNamed(random);
  testRests(random);
  testAny(random);
  testNaN(random);
  testNoMemory(random);
}

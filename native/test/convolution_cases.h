#pragma once
#include <algorithm>
#include <cmath>
#include <new>

#include "check.h"

struct Shape {
  long n, h, w, c;
};
struct Pair {
  long y, x;
};
struct Pads {
  long top, left, bottom, right;
};
// The geometry with as many results as there is room for.
Convolution convolution(Shape images, Pair filter, long co, Pair strides, Pair dilations, Pads pads);
// The convolution of dy that gives the gradient of g's images.
Convolution backward(const Convolution& g);

// Each checks the direct way, and Winograd's on the instruction sets where it fits.
void checkForward(const Convolution& g, Random& random, bool bias, bool relu);
void checkForwardOf(const Convolution& g, const Floats& x, Random& random, bool bias, bool relu);
void checkFilterGradient(const Convolution& g, Random& random);
void checkImageGradient(const Convolution& g, Random& random);

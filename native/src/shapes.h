#pragma once

// One convolution over [n, h, w, ci] with a filter [kh, kw, ci, co]; results [n, oh, ow, co]. Lengths in elements.
struct Convolution {
  long n, h, w, ci;
  long kh, kw;
  // Steps between results, and between the image's pixels: with a dilation of 2 there is a zero between any two.
  long strideY, strideX, dilationY, dilationX;
  // Zeros above and to the left of the image; those below and to the right follow from the rest.
  long padTop, padLeft;
  long oh, ow, co;
};

// What is done to a convolution's results before they are written.
struct Epilogue {
  // [co], or null.
  const float* bias;
  bool relu;
  // Not null: of each 2x2 block of results only the largest is written, [n, oh / 2, ow / 2, co] (an odd last row or
  // column is left out), and here which of the block it was, in reading order, or PLACE_NONE where ReLU made it 0.
  unsigned char* places;
};
constexpr int PLACE_NONE = 4;

// A pool over windows of [n, h, w, c]; results [n, oh, ow, c].
struct PoolWindow {
  long n, h, w, c;
  long kh, kw, strideY, strideX, padTop, padLeft;
  long oh, ow;
};

// A batch of images [n, h, w, c].
struct Images {
  long n, h, w, c;
  long rows() const { return n * h * w; }
};

// Kinds of work that one loop does. Their numbers are part of the interface to src/engine/native/addon.ts.
enum Unary : int {
  UNARY_RELU, UNARY_RELU6, UNARY_STEP, UNARY_SQUARE, UNARY_SQRT, UNARY_RSQRT, UNARY_NEG, UNARY_ABS, UNARY_RECIPROCAL,
  UNARY_CLIP, UNARY_SCALE, UNARY_KINDS
};
enum Binary : int {
  BINARY_ADD, BINARY_SUB, BINARY_MUL, BINARY_DIV, BINARY_MAXIMUM, BINARY_MINIMUM, BINARY_SQUARED_DIFFERENCE,
  BINARY_KINDS
};
enum Reduce : int { REDUCE_SUM, REDUCE_MAX, REDUCE_KINDS };

struct Adam {
  float beta1, beta2, epsilon;
  // rate / (1 - beta1^step), 1 / (1 - beta2^step), 1 - rate * weight decay
  float rate, squareScale, keep;
};

// The forward pass of y = pool(relu(x * scale + shift)), as its way back needs it.
struct NormalizedWay {
  Images g;
  bool relu, pool;
  const float* x;
  const float* dy;
  const float* scale;
  const float* shift;
};

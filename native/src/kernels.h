#pragma once
#include <cstdint>

#include "shapes.h"
#include "team.h"

// The kernels as compiled for one instruction set. All values are float32 but labels; lengths were checked by the
// caller; what a kernel does is said where it is written, in isa/. Where a kernel takes scratch memory it may throw
// std::bad_alloc, and has then written nothing.
struct Kernels {
  const char* name;
  // Floats of a vector. Columns of a panel: the last panel of a packed filter is filled up to it.
  long lanes, panel;

  bool (*winogradFits)(const Convolution&);
  void (*pack)(Team&, const Convolution&, bool winograd, bool backward, const float* w, float* packed);
  void (*convolve)(Team&, const Convolution&, bool winograd, const float* x, const float* packed, const Epilogue&,
                   float* y);
  void (*filterGradient)(Team&, const Convolution&, bool winograd, const float* x, const float* dy, float* dw);

  void (*denseForward)(Team&, long rows, long inputs, long outputs, const float* x, const float* w, const float* bias,
                       bool relu, float* y);
  void (*denseInputGradient)(Team&, long rows, long inputs, long outputs, const float* dy, const float* w, float* dx);
  void (*denseWeightGradient)(Team&, long rows, long inputs, long outputs, const float* x, const float* dy, float* dw);

  void (*reluBiasGradient)(Team&, long rows, long c, const float* dy, const float* y, float* z, float* db);
  void (*unary)(Team&, int op, long size, const float* x, float a, float b, float* y);
  void (*binary)(Team&, int op, long rows, long c, const float* a, long aRow, long aColumn, const float* b, long bRow,
                 long bColumn, float* y);
  void (*reduceRows)(Team&, int op, long rows, long c, const float* x, float scale, float* y);
  void (*sumColumns)(Team&, long rows, long c, const float* x, float scale, float* y);
  void (*softmax)(Team&, long rows, long c, const float* x, float* y);
  void (*transpose)(Team&, long count, long rows, long columns, const float* x, float* y);

  void (*channelMoments)(Team&, long rows, long c, const float* x, float* mean, float* variance);
  void (*scaleShift)(Team&, const Images&, const float* x, const float* scale, const float* shift, bool relu, bool pool,
                     float* y);
  void (*batchNormGradient)(Team&, const NormalizedWay&, const float* mean, const float* inverse, float* dgamma,
                            float* dbeta, float* dx);

  void (*poolForward)(Team&, const PoolWindow&, bool average, const float* x, float* y);
  void (*maxPoolGradient)(Team&, const PoolWindow&, const float* x, const float* dy, float* dx);
  void (*averagePoolGradient)(Team&, const PoolWindow&, const float* dy, float* dx);
  void (*unpoolBiasGradient)(Team&, const Images&, const float* dy, const unsigned char* places, float* z, float* db);

  void (*dropout)(Team&, long size, const uint32_t (&state)[4], double rate, const float* x, unsigned char* mask,
                  float* y);
  void (*dropoutGradient)(Team&, long size, double rate, const float* dy, const unsigned char* mask, float* dx);
  // Whether all of the gradient was finite.
  bool (*sgdStep)(Team&, long size, float* w, const float* gradient, float* velocity, float rate, float momentum,
                  float decay, bool nesterov);
  bool (*adamStep)(Team&, long size, float* w, const float* gradient, float* mean, float* square, const Adam&);
  void (*crossEntropy)(long rows, long classes, const float* x, const int* labels, float smoothing, float* dx,
                       float* loss, float* correct);

  // Multiply-adds in registers alone, 12 vectors of them per round and thread: the peak of the machine. Returns a
  // value that depends on them all.
  float (*peak)(Team&, long rounds);
};

// Best first; those that this processor lacks are null.
struct InstructionSets {
  const Kernels* at[4];
};
InstructionSets instructionSets();

// Floats of a packed filter.
inline long packedLength(const Kernels& kernels, const Convolution& g, bool winograd) {
  const long width = (g.co + kernels.panel - 1) / kernels.panel * kernels.panel;
  return (winograd ? 36 : g.kh * g.kw) * g.ci * width;
}
